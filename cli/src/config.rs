//! The settings: one table says name, meaning, default and whether the value is a secret. Flags go
//! over the environment, the environment over `sluice.toml`, that over the defaults.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use service::identity::SignUp;
use service::mail::Mailer;

use crate::door;
use crate::failure::Failure;
use crate::output::{self, Format};

/// One setting.
pub struct Setting {
    /// Name of the variable.
    pub name: &'static str,
    /// What it means, with its unit.
    pub meaning: &'static str,
    /// What holds when it is not set.
    pub default: Option<&'static str>,
    /// Never printed.
    pub is_secret: bool,
}

const fn setting(name: &'static str, meaning: &'static str, default: Option<&'static str>) -> Setting {
    Setting { name, meaning, default, is_secret: false }
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "DATABASE_URL",
        meaning: "PostgreSQL of `api`, `worker` and `migrate`: postgres://user:password@host:5432/database",
        default: None,
        is_secret: true,
    },
    Setting {
        name: "REDIS_URL",
        meaning: "Redis of `api` and `worker`: redis://host:6379",
        default: None,
        is_secret: true,
    },
    setting("SLUICE_BIND", "address that the API listens on", Some("127.0.0.1:8080")),
    setting(
        "SLUICE_PUBLIC_URL",
        "where people reach the server, for links; http:// and SLUICE_BIND when empty",
        Some(""),
    ),
    setting("SLUICE_DATA_DIR", "folder of the embedded database", Some(".sluice")),
    setting("SLUICE_LOG", "what is logged, as a filter such as `info` or `sluice_worker=debug,info`", Some("info")),
    setting("SLUICE_LOG_FORMAT", "`text` or `json`", Some("text")),
    Setting {
        name: "SLUICE_SECRET_KEY",
        meaning: "32 bytes in base64; required by `api` and `worker`",
        default: None,
        is_secret: true,
    },
    setting("SLUICE_WORKER_SLOTS", "executions that one worker drives at once", Some("256")),
    setting("SLUICE_WORKER_QUEUES", "queues that a worker serves, separated by commas", Some("default")),
    setting("SLUICE_LEASE", "how long a worker may be silent before others take its executions", Some("10s")),
    setting("SLUICE_SHUTDOWN_GRACE", "how long running executions may go on after a shutdown has begun", Some("30s")),
    setting("SLUICE_MAX_PAYLOAD", "largest input or payload, in bytes, KiB or MiB", Some("256KiB")),
    setting("SLUICE_EXECUTION_TIMEOUT", "running time of executions whose workflow states none", Some("5m")),
    setting("SLUICE_RETENTION", "how long ended executions are kept, such as `30d`; for ever when empty", Some("")),
    setting("SLUICE_RETENTION_EVENTS", "how long events are kept, 7d or more; for ever when empty", Some("")),
    setting("SLUICE_RETENTION_AUDIT", "how long the audit log is kept, 30d or more; for ever when empty", Some("400d")),
    setting(
        "SLUICE_RETENTION_STATISTICS",
        "how long statistics are kept, 1d or more; for ever when empty",
        Some("90d"),
    ),
    setting(
        "SLUICE_EGRESS_ALLOW",
        "private addresses that actions may call: CIDRs and host:port, separated by commas",
        Some(""),
    ),
    setting(
        "SLUICE_SERVICE_RATES",
        "calls in a time that an organization makes to a host, such as `api.example.com=50/s`, separated by commas",
        Some(""),
    ),
    setting("SLUICE_DATABASE_POOL", "connections to the database besides those of the committers", Some("10")),
    setting(
        "SLUICE_DATABASE_ACQUIRE_TIMEOUT",
        "longest time to wait for a connection to the database, and for a place in front of a committer",
        Some("5s"),
    ),
    setting("SLUICE_DATABASE_STATEMENT_TIMEOUT", "longest time that the database works on one statement", Some("30s")),
    setting("SLUICE_DATABASE_LOCK_TIMEOUT", "longest time that a statement waits for a lock", Some("5s")),
    setting(
        "SLUICE_REQUIRE_RLS",
        "`true`: start only when PostgreSQL itself keeps organizations apart, by row-level security",
        Some("false"),
    ),
    setting("SLUICE_START_PATIENCE", "how long a start waits for PostgreSQL, and then for Redis", Some("1m")),
    setting(
        "SLUICE_INSECURE_NO_AUTH",
        "`true`: ask for no sign-in; requests without credentials act as the owner",
        Some("false"),
    ),
    setting("SLUICE_SIGN_UP", "who may sign up: `off`, `invited` or `open`", Some("off")),
    Setting {
        name: "SLUICE_MAIL_URL",
        meaning: "how mail is sent: smtp://user:password@host:587, smtps:// or file:FOLDER; none when empty",
        default: Some(""),
        is_secret: true,
    },
    setting("SLUICE_MAIL_FROM", "sender of mail", Some("Sluice <sluice@localhost>")),
    setting(
        "SLUICE_ALLOWED_ORIGINS",
        "origins whose pages may use the API besides our own, separated by commas",
        Some(""),
    ),
    setting(
        "SLUICE_TRUSTED_PROXIES",
        "addresses and networks of proxies whose word about addresses of callers is taken, separated by commas",
        Some(""),
    ),
    setting(
        "SLUICE_HSTS",
        "how long browsers shall use TLS alone for this name, such as `365d`; not told when empty",
        Some(""),
    ),
    setting(
        "SLUICE_RATE_LIMIT",
        "points of cost that one person or key may ask for: N/s, N/m or N/h, or `off`",
        Some("250000/s"),
    ),
    setting(
        "SLUICE_RATE_LIMIT_ANONYMOUS",
        "points of cost that one address may ask for without credentials, written alike",
        Some("6000/m"),
    ),
    setting("SLUICE_RATE_LIMIT_HOOK", "calls that one hook takes, written alike", Some("6000/m")),
    setting("SLUICE_INTROSPECTION", "who may ask for the schema: `signed-in`, `on` or `off`", Some("signed-in")),
    setting(
        "SLUICE_GRAPHIQL",
        "whether browsers get GraphiQL: `on` or `off`; `auto` is on in `dev` alone",
        Some("auto"),
    ),
    setting(
        "SLUICE_OPERATIONS",
        "`any`, or `known`: only documents of the manifest for callers without API key",
        Some("any"),
    ),
    setting("SLUICE_OPERATIONS_FILE", "the manifest: JSON of documents by their SHA-256", Some("")),
    setting(
        "SLUICE_ADMIN_BIND",
        "a second address for /livez, /readyz and /metrics; /metrics is there alone then",
        Some(""),
    ),
    setting(
        "SLUICE_SECURITY_CONTACT",
        "where to report a weakness, as mailto: or https:, for /.well-known/security.txt; no such page when empty",
        Some(""),
    ),
    setting("SLUICE_URL", "server that client commands talk to", Some("http://127.0.0.1:8080")),
    Setting { name: "SLUICE_TOKEN", meaning: "credentials of client commands", default: None, is_secret: true },
];

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    CommandLine,
    Environment,
    File,
    Default,
}

/// The settings in force.
#[derive(Debug)]
pub struct Config {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl Config {
    /// Reads environment and `sluice.toml`; all problems at once.
    pub fn read() -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let file = read_file(&mut problems);
        for (name, _value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let is_ours = name.starts_with("SLUICE_") && !name.starts_with("SLUICE_TEST_") && name != "SLUICE_BIN";
            if is_ours && !SETTINGS.iter().any(|setting| setting.name == name) {
                problems.push(format!("the variable {name} is not known{}", nearest(&name)));
            }
        }
        let mut values = BTreeMap::new();
        for setting in SETTINGS {
            let found = match std::env::var(setting.name) {
                Ok(value) if !value.is_empty() => Some((value, Origin::Environment)),
                Err(std::env::VarError::NotUnicode(_)) => {
                    problems.push(format!("the variable {} is not text", setting.name));
                    None
                }
                _unset => file.get(setting.name).map(|value| (value.clone(), Origin::File)),
            };
            if let Some(value) = found.or_else(|| setting.default.map(|value| (value.to_owned(), Origin::Default))) {
                values.insert(setting.name, value);
            }
        }
        let config = Self { values };
        problems.extend(config.problems());
        if problems.is_empty() {
            return Ok(config);
        }
        Err(Failure::usage(format!("the configuration cannot be used:\n  - {}", problems.join("\n  - ")))
            .help("`sluice config` lists every setting with its meaning"))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, least, most) in [
            ("SLUICE_LEASE", Duration::from_secs(1), Duration::from_hours(1)),
            ("SLUICE_SHUTDOWN_GRACE", Duration::ZERO, Duration::from_hours(1)),
            ("SLUICE_EXECUTION_TIMEOUT", Duration::from_millis(1), Duration::from_hours(24)),
            ("SLUICE_DATABASE_ACQUIRE_TIMEOUT", Duration::from_millis(100), Duration::from_mins(10)),
            ("SLUICE_DATABASE_STATEMENT_TIMEOUT", Duration::from_millis(100), Duration::from_hours(1)),
            ("SLUICE_DATABASE_LOCK_TIMEOUT", Duration::from_millis(100), Duration::from_hours(1)),
            ("SLUICE_START_PATIENCE", Duration::ZERO, Duration::from_hours(24)),
        ] {
            match engine::duration::parse(self.text(name)) {
                Err(problem) => problems.push(format!("{name}: {problem}")),
                Ok(length) if !(least..=most).contains(&length) => {
                    problems.push(format!("{name}: {} is not between {least:?} and {most:?}", self.text(name)));
                }
                Ok(_good) => {}
            }
        }
        for (name, least) in [
            ("SLUICE_RETENTION", Duration::from_mins(1)),
            ("SLUICE_RETENTION_EVENTS", Duration::from_hours(7 * 24)),
            ("SLUICE_RETENTION_AUDIT", Duration::from_hours(30 * 24)),
            ("SLUICE_RETENTION_STATISTICS", Duration::from_hours(24)),
        ] {
            match engine::duration::parse(self.text(name)) {
                _for_ever if self.text(name).is_empty() => {}
                Err(problem) => problems.push(format!("{name}: {problem}")),
                Ok(length) if length < least => {
                    problems.push(format!("{name}: {} is less than {least:?}", self.text(name)));
                }
                Ok(_long_enough) => {}
            }
        }
        let public_url = self.text("SLUICE_PUBLIC_URL");
        if !public_url.is_empty() && !public_url.starts_with("http://") && !public_url.starts_with("https://") {
            problems.push(format!("SLUICE_PUBLIC_URL: `{public_url}` does not begin with http:// or https://"));
        }
        for name in ["SLUICE_WORKER_SLOTS", "SLUICE_DATABASE_POOL"] {
            if self.text(name).parse::<u32>().map_or(true, |number| number == 0) {
                problems.push(format!("{name}: `{}` is not a number from 1", self.text(name)));
            }
        }
        if size(self.text("SLUICE_MAX_PAYLOAD")).is_none() {
            problems.push(format!(
                "SLUICE_MAX_PAYLOAD: `{}` is not a size such as 256KiB",
                self.text("SLUICE_MAX_PAYLOAD")
            ));
        }
        if !["text", "json"].contains(&self.text("SLUICE_LOG_FORMAT")) {
            problems
                .push(format!("SLUICE_LOG_FORMAT: `{}` is neither `text` nor `json`", self.text("SLUICE_LOG_FORMAT")));
        }
        for name in ["SLUICE_INSECURE_NO_AUTH", "SLUICE_REQUIRE_RLS"] {
            if !["true", "false"].contains(&self.text(name)) {
                problems.push(format!("{name}: `{}` is neither `true` nor `false`", self.text(name)));
            }
        }
        if SignUp::parse(self.text("SLUICE_SIGN_UP")).is_none() {
            problems.push(format!(
                "SLUICE_SIGN_UP: `{}` is neither `off`, `invited` nor `open`",
                self.text("SLUICE_SIGN_UP")
            ));
        }
        if let Err(problem) = Mailer::parse(self.text("SLUICE_MAIL_URL"), self.text("SLUICE_MAIL_FROM")) {
            problems.push(format!("SLUICE_MAIL_URL, SLUICE_MAIL_FROM: {}", service::chain(&problem)));
        }
        problems.extend(door::problems(self));
        if let Err(problem) = tracing_subscriber::EnvFilter::try_new(self.text("SLUICE_LOG")) {
            problems.push(format!("SLUICE_LOG: {problem}"));
        }
        if let Err(problem) = worker::egress::EgressPolicy::strict().allowing(self.text("SLUICE_EGRESS_ALLOW")) {
            problems.push(format!("SLUICE_EGRESS_ALLOW: {}", service::chain(&problem)));
        }
        if let Err(problem) = worker::effects::ServiceRates::parse(self.text("SLUICE_SERVICE_RATES")) {
            problems.push(format!("SLUICE_SERVICE_RATES: {problem}"));
        }
        problems
    }

    /// A value as text; empty when it is not set.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(value, _)| value)
    }

    /// Whether `sluice.toml` holds a secret.
    pub fn has_secret_in_file(&self) -> bool {
        let is_in_file = |name| matches!(self.values.get(name), Some((_, Origin::File)));
        SETTINGS.iter().any(|setting| setting.is_secret && is_in_file(setting.name))
    }

    /// The defaults, and these values instead of some of them.
    #[cfg(test)]
    pub fn with(values: &[(&'static str, &str)]) -> Self {
        let defaults = SETTINGS.iter().filter_map(|setting| Some((setting.name, setting.default?)));
        let all = defaults.chain(values.iter().copied());
        Self { values: all.map(|(name, value)| (name, (value.to_owned(), Origin::Default))).collect() }
    }

    /// With the address of the command line, when there is one: it counts more than the setting, also in links.
    pub fn bound_to(mut self, bind: Option<String>) -> Self {
        if let Some(bind) = bind {
            self.values.insert("SLUICE_BIND", (bind, Origin::CommandLine));
        }
        self
    }

    /// Where people reach the server, without a slash at the end.
    pub fn public_url(&self) -> String {
        match self.text("SLUICE_PUBLIC_URL").trim_end_matches('/') {
            "" => format!("http://{}", self.text("SLUICE_BIND")),
            url => url.to_owned(),
        }
    }

    /// Who may sign up.
    pub fn sign_up(&self) -> SignUp {
        SignUp::parse(self.text("SLUICE_SIGN_UP")).unwrap_or(SignUp::Off)
    }

    /// What sends mail.
    pub fn mailer(&self) -> Mailer {
        Mailer::parse(self.text("SLUICE_MAIL_URL"), self.text("SLUICE_MAIL_FROM")).unwrap_or_default()
    }

    /// A length of time.
    pub fn duration(&self, name: &str) -> Duration {
        engine::duration::parse(self.text(name)).unwrap_or_default()
    }

    /// A length of time in milliseconds; `None` when nothing is set.
    pub fn maybe_ms(&self, name: &str) -> Option<i64> {
        let length = engine::duration::parse(self.text(name)).ok()?;
        Some(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> u32 {
        self.text(name).parse().unwrap_or(1)
    }

    /// A size in bytes.
    pub fn bytes(&self, name: &str) -> usize {
        size(self.text(name)).unwrap_or(0)
    }
}

/// A size such as `256KiB`, in bytes.
fn size(text: &str) -> Option<usize> {
    let units = [("KiB", 1_024), ("MiB", 1_024 * 1_024), ("B", 1), ("", 1)];
    let (number, unit) = units.into_iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim(), unit)))?;
    number.parse::<usize>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

fn nearest(name: &str) -> String {
    let distance = |known: &str| {
        known.chars().zip(name.chars()).filter(|(left, right)| left != right).count() + known.len().abs_diff(name.len())
    };
    match SETTINGS.iter().min_by_key(|setting| distance(setting.name)) {
        Some(near) if distance(near.name) <= 6 => format!("; did you mean {}?", near.name),
        _none_near => String::new(),
    }
}

/// `sluice.toml` in the working folder, when there is one: a table of the same names.
fn read_file(problems: &mut Vec<String>) -> BTreeMap<String, String> {
    let text = match std::fs::read_to_string("sluice.toml") {
        Ok(text) => text,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(problem) => {
            problems.push(format!("sluice.toml cannot be read: {problem}"));
            return BTreeMap::new();
        }
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(problem) => {
            problems.push(format!("sluice.toml: {}", problem.to_string().trim_end()));
            return BTreeMap::new();
        }
    };
    let mut values = BTreeMap::new();
    for (name, value) in table {
        if !SETTINGS.iter().any(|setting| setting.name == name) {
            problems.push(format!("sluice.toml: the key {name} is not known{}", nearest(&name)));
        }
        let text = match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        values.insert(name, text);
    }
    values
}

/// Prints every setting with its value and origin.
pub fn print(format: Format) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    let rows: Vec<[String; 4]> = SETTINGS
        .iter()
        .map(|setting| {
            let (value, origin) = match config.values.get(setting.name) {
                Some((_, origin)) if setting.is_secret => ("***".to_owned(), *origin),
                Some((value, origin)) => (value.clone(), *origin),
                None => (String::new(), Origin::Default),
            };
            let origin = match origin {
                Origin::CommandLine => "command line",
                Origin::Environment => "environment",
                Origin::File => "sluice.toml",
                Origin::Default => "default",
            };
            [setting.name.to_owned(), value, origin.to_owned(), setting.meaning.to_owned()]
        })
        .collect();
    match format {
        Format::Json => output::json(&json!(rows.iter().map(|[name, value, origin, meaning]| json!({ "name": name, "value": value, "origin": origin, "meaning": meaning })).collect::<Vec<_>>())),
        Format::Table => output::table(&["name", "value", "origin", "meaning"], rows.into_iter().map(Vec::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("256KiB"), Some(262_144));
        assert_eq!(size("2 MiB"), Some(2_097_152));
        assert_eq!(size("100"), Some(100));
        for text in ["", "0", "-1", "5GB", "KiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn the_example_environment_lists_every_setting() {
        let example = include_str!("../../.env.example");
        for setting in SETTINGS {
            let line = format!("# {}={}", setting.name, setting.default.unwrap_or_default());
            assert!(example.lines().any(|known| known == line), "`{line}` is missing in .env.example");
            assert!(example.contains(setting.meaning), "the meaning of {} is missing in .env.example", setting.name);
        }
    }

    #[test]
    fn the_manual_has_the_table_of_the_settings_and_a_section_for_each() {
        let manual = include_str!("../../docs/configuration.md");
        let rows = SETTINGS.iter().map(|setting| {
            let default = match setting.default {
                None => "none".to_owned(),
                Some("") => "nothing".to_owned(),
                Some(default) => format!("`{default}`"),
            };
            let secret = if setting.is_secret { "; secret" } else { "" };
            format!("| `{}` | {} | {default}{secret} |\n", setting.name, setting.meaning)
        });
        let table = format!("| variable | meaning | default |\n|---|---|---|\n{}\n", rows.collect::<String>());
        assert!(manual.contains(&table), "docs/configuration.md must hold this table:\n\n{table}");
        let sections: Vec<&str> = manual.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let names: Vec<String> = SETTINGS.iter().map(|setting| format!("`{}`", setting.name)).collect();
        assert_eq!(sections, names, "docs/configuration.md has a section for each setting, in their order");
    }

    #[test]
    fn links_lead_to_the_address_of_the_command_line_unless_a_public_one_is_named() {
        let config = Config::with(&[]).bound_to(Some("127.0.0.1:9000".to_owned()));
        assert_eq!(config.public_url(), "http://127.0.0.1:9000");
        let named = Config::with(&[("SLUICE_PUBLIC_URL", "https://sluice.example.com/")]);
        assert_eq!(named.bound_to(Some("127.0.0.1:9000".to_owned())).public_url(), "https://sluice.example.com");
        assert_eq!(Config::with(&[]).bound_to(None).public_url(), "http://127.0.0.1:8080");
    }
}
