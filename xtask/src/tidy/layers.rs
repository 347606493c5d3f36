//! Which package may depend on which, from `cargo metadata`.

use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::failure::Failure;

/// A package of the workspace with what its manifest asks for.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its folder, which is its short name: `engine` for the package `sluice-engine`.
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone)]
pub struct Dependency {
    /// Name of the package, not of its alias.
    pub package: String,
    pub is_for_tests: bool,
}

const PREFIX: &str = "sluice-";

/// What of ours each package may use; dependencies of tests are free.
const MAY_USE: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("entity", &[]),
    ("migration", &[]),
    ("engine", &["ids"]),
    ("store", &["ids", "entity", "migration"]),
    ("queue", &["ids"]),
    ("service", &["ids", "engine", "store", "queue", "testing"]),
    // `store` for the rows it hands out and, in the worker, for its committers; SQL stays in `store`.
    ("worker", &["ids", "engine", "queue", "service", "store"]),
    ("api", &["ids", "engine", "service", "store"]),
    ("testing", &["engine"]),
    // A model of what stands around the engine: it must not share code with what it models.
    ("sim", &["engine"]),
    // It looks at the product from outside, as users and operators do.
    ("chaos", &["tests"]),
    ("xtask", &[]),
];
/// The composition root and what looks at the whole from outside.
const MAY_USE_ALL: &[&str] = &["cli", "tests", "bench"];

/// Outside packages that only some of ours may use: package or prefix ending in `*`, who, why.
const RESERVED: &[(&str, &[&str], &str)] = &[
    // The worker asks the databases and Redis servers of organizations, never ours.
    ("sqlx*", &["store", "entity", "migration", "worker", "tests", "bench", "chaos"], "SQL lives in `store`"),
    ("sea-orm*", &["store", "entity", "migration", "tests", "bench", "chaos"], "SQL lives in `store`"),
    ("redis", &["queue", "worker", "tests", "bench", "chaos"], "Redis lives in `queue`"),
    ("apalis*", &["queue", "worker"], "delivery lives in `queue` and `worker`"),
    ("async-graphql*", &["api"], "GraphQL lives in `api`"),
];

/// What would give the engine a clock, chance, threads or the world outside.
const NOT_IN_ENGINE: &[&str] = &[
    "tokio*",
    "futures*",
    "async-*",
    "rand*",
    "getrandom",
    "uuid",
    "reqwest",
    "hyper*",
    "axum*",
    "tracing*",
    "metrics*",
    "moka",
];

/// The packages of the workspace, from the answer of `cargo metadata --no-deps`.
pub fn packages(metadata: &Value, root: &Path) -> Result<Vec<Package>, Failure> {
    let unreadable = || Failure::message("cannot find the packages in the output of cargo metadata");
    let list = metadata.get("packages").and_then(Value::as_array).ok_or_else(unreadable)?;
    list.iter().map(|package| read_package(package, root).ok_or_else(unreadable)).collect()
}

fn read_package(package: &Value, root: &Path) -> Option<Package> {
    let manifest = Path::new(package.get("manifest_path")?.as_str()?);
    let name = manifest.parent()?.strip_prefix(root).ok()?.to_str()?.to_owned();
    let dependencies = package
        .get("dependencies")?
        .as_array()?
        .iter()
        .map(|dependency| {
            Some(Dependency {
                package: dependency.get("name")?.as_str()?.to_owned(),
                is_for_tests: dependency.get("kind")?.as_str() == Some("dev"),
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Package { name, dependencies })
}

/// Every dependency that points the wrong way.
pub fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let finding = |reason: String| Finding {
        file: format!("{}/Cargo.toml", package.name),
        line: 1,
        rule: "dependency-direction",
        reason,
    };
    let name = package.name.as_str();
    let allowed = MAY_USE.iter().find(|(owner, _)| *owner == name).map(|(_, allowed)| *allowed);
    let is_free = MAY_USE_ALL.contains(&name);
    if allowed.is_none() && !is_free {
        return vec![finding(format!(
            "`{name}` has no place in the order of the packages yet; give it one in xtask/src/tidy/layers.rs"
        ))];
    }
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let wanted = dependency.package.as_str();
        if let Some(ours) = wanted.strip_prefix(PREFIX) {
            let may = is_free || dependency.is_for_tests || allowed.is_some_and(|allowed| allowed.contains(&ours));
            if !may {
                let list = allowed.unwrap_or_default().join("`, `");
                let list = if list.is_empty() { "nothing of ours".to_owned() } else { format!("`{list}`") };
                findings
                    .push(finding(format!("`{name}` may use {list}, and not `{ours}`: dependencies point one way")));
            }
        }
        for (pattern, owners, reason) in RESERVED {
            if matches(pattern, wanted) && !owners.contains(&name) {
                findings.push(finding(format!("`{name}` may not use `{wanted}`: {reason}")));
            }
        }
        let is_impure = name == "engine"
            && !dependency.is_for_tests
            && NOT_IN_ENGINE.iter().any(|pattern| matches(pattern, wanted));
        if is_impure {
            findings.push(finding(format!(
                "`engine` may not use `{wanted}`: it has no clock, chance, threads or world outside"
            )));
        }
    }
    findings
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    fn found(name: &str, dependencies: &[(&str, bool)]) -> Vec<String> {
        let dependencies = dependencies
            .iter()
            .map(|&(package, is_for_tests)| Dependency { package: package.to_owned(), is_for_tests })
            .collect();
        check(&[Package { name: name.to_owned(), dependencies }]).into_iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn dependencies_down_the_layers_are_fine() {
        assert!(found("service", &[("sluice-store", false), ("sluice-engine", false), ("serde", false)]).is_empty());
        assert!(found("cli", &[("sluice-store", false), ("sluice-api", false)]).is_empty());
    }

    #[test]
    fn dependencies_up_or_across_the_layers_are_refused() {
        assert_eq!(
            found("engine", &[("sluice-store", false)]),
            ["`engine` may use `ids`, and not `store`: dependencies point one way"]
        );
        assert_eq!(found("api", &[("sluice-worker", false)]).len(), 1);
        assert_eq!(found("worker", &[("sluice-api", false), ("sluice-migration", false)]).len(), 2);
        assert_eq!(found("store", &[("sluice-engine", false)]).len(), 1);
    }

    #[test]
    fn tests_may_use_any_package_of_ours_but_no_sql_of_their_own() {
        assert!(found("worker", &[("sluice-migration", true)]).is_empty());
        assert_eq!(found("api", &[("sqlx", true)]), ["`api` may not use `sqlx`: SQL lives in `store`"]);
    }

    #[test]
    fn the_engine_stays_pure() {
        assert_eq!(found("engine", &[("tokio", false)]).len(), 1);
        assert_eq!(found("engine", &[("futures-util", false)]).len(), 1);
        assert!(found("engine", &[("proptest", true), ("chrono", false)]).is_empty());
    }

    #[test]
    fn a_new_package_needs_a_place() {
        assert!(found("surprise", &[])[0].contains("no place"));
    }

    #[test]
    fn every_package_of_this_workspace_keeps_the_order() {
        let workspace = Workspace::locate().unwrap();
        let packages = packages(workspace.metadata(), workspace.root()).unwrap();
        assert!(packages.len() >= 13, "{packages:?}");
        let findings: Vec<String> = check(&packages).iter().map(ToString::to_string).collect();
        assert_eq!(findings, Vec::<String>::new());
    }
}
