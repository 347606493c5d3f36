//! `sluice test`: runs case files offline, in virtual time and with stubbed effects.

mod files;
mod junit;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use engine::check::{Offline, check};
use engine::definition::Format as Language;
use engine::plan::{Plan, Settings};
use serde_json::Value;
use testing::{Case, Coverage, Difference};

use crate::arguments::TestOptions;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::validate;

/// What came of one case.
pub struct Outcome {
    /// The case file.
    pub file: PathBuf,
    /// The case's id.
    pub id: String,
    /// The case's title.
    pub title: Option<String>,
    /// What is not as expected; the first place is why it could not be run at all.
    pub differences: Vec<Difference>,
    /// Why it could not be run.
    pub problem: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// How much time went by in the run.
    pub virtual_time: Duration,
}

impl Outcome {
    /// Whether all is as expected.
    pub const fn passed(&self) -> bool {
        self.differences.is_empty() && self.problem.is_none()
    }
}

/// A workflow under test.
pub struct Tested {
    /// Its compiled definition.
    pub plan: Plan,
    /// What the cases have reached.
    pub coverage: Coverage,
}

/// Everything that was run.
pub struct Run {
    /// Case by case.
    pub outcomes: Vec<Outcome>,
    /// The workflows by file.
    pub workflows: BTreeMap<PathBuf, Tested>,
    /// How long it took.
    pub took: Duration,
    /// Case files that were written.
    pub updated: Vec<PathBuf>,
}

/// Runs the cases of all files; fails when one case fails.
pub fn run(options: &TestOptions, format: Format) -> Result<ExitCode, Failure> {
    let begun = Instant::now();
    let files = files::of(&options.files)?;
    let mut run = Run { outcomes: Vec::new(), workflows: BTreeMap::new(), took: Duration::ZERO, updated: Vec::new() };
    for file in files {
        run_file(&file, options.update, &mut run)?;
    }
    run.took = begun.elapsed();
    if let Some(path) = &options.junit {
        std::fs::write(path, junit::xml(&run))
            .map_err(|problem| Failure::of(&format!("{} cannot be written", path.display()), &problem))?;
    }
    match format {
        Format::Json => output::json(&report::json(&run))?,
        Format::Table => output::line(&report::text(&run))?,
    };
    let failed = run.outcomes.iter().any(|outcome| !outcome.passed());
    Ok(if failed && !options.update { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn run_file(file: &Path, update: bool, run: &mut Run) -> Result<(), Failure> {
    let text = validate::read(file)?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if update && !is_json {
        let message = format!("{} is YAML, and would lose its comments", file.display());
        return Err(Failure::usage(message).help("--update writes JSON case files: change this one by hand"));
    }
    let cases = testing::cases(&text, is_json)
        .map_err(|problem| Failure::new(format!("{}: {problem}", file.display())).help("see docs/testing.md"))?;
    let mut written: Vec<Value> = if update { written(&text)? } else { Vec::new() };
    let mut has_changed = false;
    for (index, case) in cases.iter().enumerate() {
        let (outcome, seen) = run_case(file, case, run)?;
        if let (Some(written), Some(seen)) = (written.get_mut(index), seen) {
            let new = testing::updated(written.clone(), case, &seen, &outcome.differences);
            has_changed |= *written != new;
            *written = new;
        }
        run.outcomes.push(outcome);
    }
    if has_changed {
        files::write_cases(file, &text, written)?;
        run.updated.push(file.to_owned());
    }
    Ok(())
}

fn written(text: &str) -> Result<Vec<Value>, Failure> {
    let value: Value = serde_json::from_str(text).map_err(|problem| Failure::new(problem.to_string()))?;
    Ok(match value {
        Value::Array(cases) => cases,
        case => vec![case],
    })
}

fn run_case(file: &Path, case: &Case, run: &mut Run) -> Result<(Outcome, Option<testing::Seen>), Failure> {
    let begun = Instant::now();
    let mut outcome = Outcome {
        file: file.to_owned(),
        id: case.id.clone(),
        title: case.title.clone(),
        differences: Vec::new(),
        problem: None,
        took: Duration::ZERO,
        virtual_time: Duration::ZERO,
    };
    let workflow = file.parent().unwrap_or(Path::new("")).join(&case.workflow);
    if !run.workflows.contains_key(&workflow) {
        let tested = Tested { plan: plan(&workflow)?, coverage: Coverage::default() };
        run.workflows.insert(workflow.clone(), tested);
    }
    let Some(tested) = run.workflows.get_mut(&workflow) else { return Ok((outcome, None)) };
    let seen = match testing::run(&tested.plan, case) {
        Ok(seen) => seen,
        Err(problem) => {
            outcome.problem = Some(service::chain(&problem).to_string());
            outcome.took = begun.elapsed();
            return Ok((outcome, None));
        }
    };
    tested.coverage.add(&seen);
    outcome.differences = testing::judge(case, &seen);
    outcome.took = begun.elapsed();
    let passed = seen.ended.0.saturating_sub(seen.began.0);
    outcome.virtual_time = Duration::from_millis(u64::try_from(passed).unwrap_or(0));
    Ok((outcome, Some(seen)))
}

/// The compiled definition of a file.
fn plan(file: &Path) -> Result<Plan, Failure> {
    let text = validate::read(file)?;
    let name = file.display().to_string();
    let checked = check(&text, Language::guess(&text, Some(&name)), &Offline);
    let invalid = || {
        let count = checked.problems.iter().filter(|problem| problem.is_error()).count();
        Failure::new(format!("{name} has {count} errors, so its cases cannot be run"))
            .help(format!("`sluice validate {name}` shows them"))
    };
    let definition = checked.definition.clone().filter(|_| checked.is_valid()).ok_or_else(invalid)?;
    let settings = Settings { default_timeout: service::Settings::default().execution_timeout };
    Plan::new(definition, settings).map_err(|problem| Failure::of(&name, &problem))
}
