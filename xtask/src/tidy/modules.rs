//! A program of tests has every file that stands beside its `main.rs`: one that it does not name is never run, and
//! nothing else would say so.

use std::collections::BTreeMap;

use super::Finding;
use super::text::TextFile;

pub fn check(files: &[TextFile]) -> Vec<Finding> {
    let programs: BTreeMap<&str, &str> = files
        .iter()
        .filter_map(|file| Some((file.path.strip_suffix("/main.rs")?, file.text.as_str())))
        .filter(|(folder, _)| format!("/{folder}/").contains("/tests/"))
        .collect();
    files.iter().filter_map(|file| check_file(&programs, file)).collect()
}

fn check_file(programs: &BTreeMap<&str, &str>, file: &TextFile) -> Option<Finding> {
    let path = file.path.strip_suffix("/mod.rs").or_else(|| file.path.strip_suffix(".rs"))?;
    let (folder, module) = path.rsplit_once('/')?;
    let program = programs.get(folder)?;
    let declared = format!("mod {module};");
    if module == "main" || program.lines().any(|line| line.trim() == declared) {
        return None;
    }
    Some(Finding {
        file: file.path.clone(),
        line: 1,
        rule: "test-module",
        reason: format!("{folder}/main.rs does not say `{declared}`, so that nothing here is ever run"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> =
            files.iter().map(|(path, text)| TextFile { path: (*path).to_owned(), text: (*text).to_owned() }).collect();
        check(&files).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn a_file_of_tests_that_its_program_does_not_name_is_found() {
        let main = ("api/tests/main.rs", "//! All.\n\nmod audit;\nmod schema;\n");
        assert!(found(&[main, ("api/tests/schema.rs", ""), ("api/tests/audit/mod.rs", "")]).is_empty());
        assert_eq!(
            found(&[main, ("api/tests/lost.rs", ""), ("api/tests/gone/mod.rs", "")]),
            ["api/tests/lost.rs", "api/tests/gone/mod.rs"]
        );
    }

    #[test]
    fn what_is_no_program_of_tests_is_left_alone() {
        assert!(found(&[("cli/src/main.rs", "mod args;"), ("cli/src/lost.rs", "")]).is_empty());
        assert!(found(&[("engine/tests/check.rs", ""), ("engine/tests/fixes.rs", "")]).is_empty());
    }
}
