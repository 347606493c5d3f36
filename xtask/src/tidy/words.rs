//! Text that has no place in some files.

use super::Finding;
use super::text::TextFile;

/// A rule on single lines.
struct Rule {
    name: &'static str,
    reason: &'static str,
    applies_to: fn(&TextFile) -> bool,
    /// Rules on test code see only the lines of tests.
    is_on_tests_only: bool,
    breaks: fn(&str) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "no-unfinished-code",
        reason: "unfinished or debugging code has no place in a commit",
        applies_to: is_rust,
        is_on_tests_only: false,
        breaks: is_unfinished,
    },
    Rule {
        name: "no-ignored-test",
        reason: "a test that does not run proves nothing: repair it or remove it",
        applies_to: is_rust,
        is_on_tests_only: true,
        breaks: is_ignored_test,
    },
    Rule {
        name: "no-sleep",
        reason: "a test waits for a condition or moves a fake clock; a stub that is slow on purpose says so",
        applies_to: is_rust,
        is_on_tests_only: true,
        breaks: sleeps,
    },
    Rule {
        name: "sql-in-store",
        reason: "SQL lives in `store`, in `.sql` files",
        applies_to: |file| {
            is_rust(file) && !["store", "migration", "tests", "bench", "chaos", "xtask"].contains(&file.top_folder())
        },
        is_on_tests_only: false,
        breaks: holds_sql,
    },
    Rule {
        name: "no-machine-path",
        reason: "this path exists on one machine only",
        applies_to: is_not_lock_file,
        is_on_tests_only: false,
        breaks: names_a_machine_path,
    },
    Rule {
        name: "no-registry-host",
        reason: "packages come from the registry that the machine is configured for",
        applies_to: is_not_lock_file,
        is_on_tests_only: false,
        breaks: |line| REGISTRY_HOSTS.iter().any(|host| line.contains(host)),
    },
    Rule {
        name: "no-resolved-host",
        reason: "the lock file would tie every machine to one registry (npm install --omit-lockfile-registry-resolved)",
        applies_to: |file| file.path.ends_with("package-lock.json"),
        is_on_tests_only: false,
        breaks: |line| line.trim_start().starts_with("\"resolved\":"),
    },
];

const REGISTRY_HOSTS: [&str; 4] = [
    concat!("registry.npm", "js"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("pypi", ".org"),
];
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];

/// Every line of the file that breaks a rule and gives no reason for an exception.
pub fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tests_begin = file.tests_begin().unwrap_or(usize::MAX);
    for rule in RULES.iter().filter(|rule| (rule.applies_to)(file)) {
        for (line, text) in file.lines() {
            let is_seen = !rule.is_on_tests_only || line >= tests_begin;
            if is_seen && (rule.breaks)(text) && !file.is_excepted(line, rule.name) {
                let reason = rule.reason.to_owned();
                findings.push(Finding { file: file.path.clone(), line, rule: rule.name, reason });
            }
        }
    }
    findings
}

fn is_rust(file: &TextFile) -> bool {
    file.has_extension(&["rs"])
}

fn is_not_lock_file(file: &TextFile) -> bool {
    !file.has_extension(&["lock"]) && !file.path.ends_with("package-lock.json")
}

fn is_unfinished(line: &str) -> bool {
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")]
        .iter()
        .any(|text| holds_word(line, text))
}

fn is_ignored_test(line: &str) -> bool {
    line.trim_start().starts_with(concat!("#[", "ignore"))
}

fn sleeps(line: &str) -> bool {
    !line.trim_start().starts_with("//") && holds_word(line, concat!("sleep", "("))
}

/// The text, not as the end of a longer name.
fn holds_word(line: &str, text: &str) -> bool {
    line.match_indices(text)
        .any(|(start, _)| !line[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

fn holds_sql(line: &str) -> bool {
    let line = line.trim_start().to_lowercase();
    // A string that began on a line above has no quotation mark of its own here.
    let strings = line.split('"').skip(1).step_by(2).chain(std::iter::once(line.as_str()));
    strings.map(str::trim_start).any(|text| {
        let is_query = text.starts_with("select ") && (text.contains(" from ") || text.starts_with("select *"));
        let is_change = text.starts_with("update ") && text.contains(" set ");
        let starts = ["insert into ", "delete from ", "create table ", "alter table ", "drop table "];
        is_query || is_change || starts.iter().any(|start| text.starts_with(start))
    })
}

fn names_a_machine_path(line: &str) -> bool {
    MACHINE_PATHS.iter().any(|path| {
        line.match_indices(path).any(|(start, _)| {
            // Behind a name it is a part of a longer path or of an address.
            !line[..start].ends_with(|before: char| before.is_alphanumeric() || "_-./})".contains(before))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        check(&TextFile::new(path, text)).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn unfinished_code_is_found_anywhere() {
        let text = format!("fn a() {{\n    {}!()\n}}\n", "todo");
        assert_eq!(rules("engine/src/a.rs", &text), [(2, "no-unfinished-code")]);
        assert_eq!(rules("docs/a.md", &text), []);
    }

    #[test]
    fn waiting_by_time_is_refused_in_tests_only() {
        let call = format!("    tokio::time::{}(a).await;\n", "sleep");
        assert_eq!(rules("worker/src/a.rs", &call), []);
        assert_eq!(rules("worker/src/a.rs", &format!("#[cfg(test)]\n{call}")), [(2, "no-sleep")]);
        assert_eq!(rules("worker/tests/a.rs", &call), [(1, "no-sleep")]);
        let excepted = format!("// tidy: allow no-sleep because this stub answers late\n{call}");
        assert_eq!(rules("worker/tests/a.rs", &excepted), []);
    }

    #[test]
    fn tests_that_do_not_run_are_refused() {
        let text = format!("#[test]\n#[{}]\nfn a() {{}}\n", "ignore");
        assert_eq!(rules("queue/tests/a.rs", &text), [(2, "no-ignored-test")]);
    }

    #[test]
    fn sql_is_refused_outside_the_store_and_plain_sentences_are_not_sql() {
        let statement = "let q = \"select id from execution\";\n";
        assert_eq!(rules("api/src/a.rs", statement), [(1, "sql-in-store")]);
        assert_eq!(rules("store/src/a.rs", statement), []);
        assert_eq!(rules("api/src/a.rs", "let q = \"insert into execution values\";\n"), [(1, "sql-in-store")]);
        assert_eq!(rules("api/src/a.rs", "let q = \"select a workflow first\";\n"), []);
        assert_eq!(rules("api/src/a.rs", "/// Update the row, then set the flag.\n"), []);
    }

    #[test]
    fn paths_of_one_machine_are_refused_and_parts_of_other_paths_are_not() {
        let path = |before: &str| format!("see {before}{}main\n", MACHINE_PATHS[0]);
        assert_eq!(rules("docs/a.md", &path("")), [(1, "no-machine-path")]);
        assert_eq!(rules("docs/a.md", &path("queue")), []);
        assert_eq!(rules("docs/a.md", &path("..")), []);
    }

    #[test]
    fn registries_are_named_in_no_file_and_in_no_lock_file_of_npm() {
        let host = format!("https://{}.org/x\n", REGISTRY_HOSTS[0]);
        assert_eq!(rules("README.md", &host), [(1, "no-registry-host")]);
        let lock = format!("{{\n  \"resolved\": \"{}\"\n}}\n", host.trim());
        assert_eq!(rules("web/graphiql/package-lock.json", &lock), [(2, "no-resolved-host")]);
    }
}
