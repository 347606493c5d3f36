//! `sluice doctor --security`: each setting that is less safe than its default, and what follows from it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::config::Config;
use crate::door;
use crate::failure::Failure;
use crate::output::{self, Format};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deviation {
    /// Setting or place.
    what: &'static str,
    /// What follows from it.
    means: &'static str,
    /// What would be safe.
    remedy: &'static str,
}

/// What is true of this process and this machine, and in no setting.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    is_root: bool,
    /// Others may read the data folder.
    data_is_open: bool,
    /// Others may read `sluice.toml`, and it holds a secret.
    file_is_open: bool,
}

/// Prints them; exits with 0 when there are none.
pub fn run(format: Format) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    let found = deviations(&config, Surroundings::here(&config));
    match format {
        Format::Json => output::json(&json!({
            "isSafe": found.is_empty(),
            "deviations": found.iter().map(|one| json!({
                "what": one.what, "means": one.means, "remedy": one.remedy
            })).collect::<Vec<_>>(),
        }))?,
        Format::Table if found.is_empty() => output::line("no setting is less safe than its default")?,
        Format::Table => {
            let rows = found.iter().map(|one| vec![one.what.to_owned(), one.means.to_owned(), one.remedy.to_owned()]);
            output::table(&["what", "means", "remedy"], rows.collect())?
        }
    };
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Surroundings {
    fn here(config: &Config) -> Self {
        let is_open = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o044 != 0);
        let user = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = user.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
        Self {
            is_root: effective == Some("0"),
            data_is_open: is_open(&Path::new(config.text("SLUICE_DATA_DIR")).join("sluice.db")),
            file_is_open: config.has_secret_in_file() && is_open(Path::new("sluice.toml")),
        }
    }
}

/// Whether it holds, what, what follows, what would be safe.
type Check = (bool, &'static str, &'static str, &'static str);

fn deviations(config: &Config, here: Surroundings) -> Vec<Deviation> {
    let checks = of_the_door(config).into_iter().chain(of_limits(config)).chain(of_the_rest(config, here));
    let told = checks.filter(|(holds, ..)| *holds);
    told.map(|(_, what, means, remedy)| Deviation { what, means, remedy }).collect()
}

/// What is open to others.
fn of_the_door(config: &Config) -> Vec<Check> {
    let is = |name: &str, value: &str| config.text(name) == value;
    let has = |name: &str| !config.text(name).is_empty();
    let is_public = config.text("SLUICE_BIND").parse::<SocketAddr>().is_ok_and(|bind| !bind.ip().is_loopback());
    let has_tls = config.text("SLUICE_PUBLIC_URL").starts_with("https://");
    vec![
        (
            is("SLUICE_INSECURE_NO_AUTH", "true"),
            "SLUICE_INSECURE_NO_AUTH",
            "everybody who reaches the address acts as the owner",
            "leave it out, and let people sign in",
        ),
        (
            is_public && !has_tls,
            "SLUICE_PUBLIC_URL",
            "the server listens beyond this machine, and nothing says that TLS stands in front: credentials may be read on the way",
            "put a proxy with TLS in front, and set the https:// address that people use",
        ),
        (
            is_public && has_tls && !has("SLUICE_HSTS"),
            "SLUICE_HSTS",
            "a browser may be led to the address without TLS",
            "365d, once every name below this one has TLS",
        ),
        (
            is_public && !has("SLUICE_ADMIN_BIND"),
            "SLUICE_ADMIN_BIND",
            "whoever reaches the API reads /metrics",
            "an address that operators alone reach, such as 127.0.0.1:9090",
        ),
        (is("SLUICE_INTROSPECTION", "on"), "SLUICE_INTROSPECTION", "strangers read the whole schema", "signed-in"),
        (
            is_public && is("SLUICE_GRAPHIQL", "on"),
            "SLUICE_GRAPHIQL",
            "the page is served beyond this machine, and its styles need a looser policy than everything else",
            "off",
        ),
    ]
}

/// What bounds callers.
fn of_limits(config: &Config) -> Vec<Check> {
    let is = |name: &str, value: &str| config.text(name) == value;
    vec![
        (is("SLUICE_RATE_LIMIT", "off"), "SLUICE_RATE_LIMIT", "one caller may use up the server", "250000/s"),
        (
            is("SLUICE_RATE_LIMIT_ANONYMOUS", "off"),
            "SLUICE_RATE_LIMIT_ANONYMOUS",
            "strangers may use up the server and guess credentials without end",
            "6000/m",
        ),
        (
            is("SLUICE_RATE_LIMIT_HOOK", "off"),
            "SLUICE_RATE_LIMIT_HOOK",
            "whoever knows the secret of one hook may use up the server",
            "6000/m",
        ),
        (
            config.text("SLUICE_TRUSTED_PROXIES").split(',').any(|entry| entry.trim().ends_with("/0")),
            "SLUICE_TRUSTED_PROXIES",
            "every caller may claim any address",
            "the networks of the proxies",
        ),
        (
            door::origins(config).iter().any(|origin| origin.starts_with("http://")),
            "SLUICE_ALLOWED_ORIGINS",
            "pages that came without TLS may use the API: whoever changes them on the way does too",
            "https:// origins",
        ),
    ]
}

/// What the process reaches, and who reaches it on its machine.
fn of_the_rest(config: &Config, here: Surroundings) -> Vec<Check> {
    vec![
        (
            !config.text("SLUICE_EGRESS_ALLOW").is_empty(),
            "SLUICE_EGRESS_ALLOW",
            "authors of workflows reach addresses that are otherwise kept from them",
            "as few and as narrow entries as there can be",
        ),
        (
            ["trace", "debug"].iter().any(|level| config.text("SLUICE_LOG").contains(level)),
            "SLUICE_LOG",
            "libraries write more into the log than was looked through for secrets",
            "info",
        ),
        (
            is_remote(config.text("DATABASE_URL")) && !has_checked_tls(config.text("DATABASE_URL")),
            "DATABASE_URL",
            "the connection to a database on another machine is not protected by TLS that checks its name",
            "sslmode=verify-full",
        ),
        (
            is_remote(config.text("REDIS_URL")) && !config.text("REDIS_URL").contains('@'),
            "REDIS_URL",
            "a Redis on another machine asks for no password: whoever reaches it forges work and reads ids",
            "a password, and a network of its own",
        ),
        (
            here.is_root,
            "user",
            "the process runs as root: a fault in it is one of the whole machine",
            "a user of its own",
        ),
        (here.data_is_open, "SLUICE_DATA_DIR", "other users of this machine may read the database", "chmod 700"),
        (here.file_is_open, "sluice.toml", "other users of this machine may read a secret in it", "chmod 600"),
    ]
}

/// Whether the server of an address is another machine.
fn is_remote(url: &str) -> bool {
    let Some((_scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.split(']').next())
        .unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    !(host.is_empty() || host == "localhost" || is_loopback)
}

fn has_checked_tls(url: &str) -> bool {
    url.contains("sslmode=verify-full") || url.contains("sslmode=verify-ca")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(values: &[(&'static str, &str)], here: Surroundings) -> Vec<&'static str> {
        deviations(&Config::with(values), here).into_iter().map(|one| one.what).collect()
    }

    #[test]
    fn the_defaults_are_safe() {
        assert_eq!(whats(&[], Surroundings::default()), Vec::<&str>::new());
    }

    #[test]
    fn each_setting_that_is_less_safe_is_told() {
        let here = Surroundings { is_root: true, data_is_open: true, file_is_open: true };
        let values = [
            ("SLUICE_INSECURE_NO_AUTH", "true"),
            ("SLUICE_BIND", "0.0.0.0:8080"),
            ("SLUICE_INTROSPECTION", "on"),
            ("SLUICE_GRAPHIQL", "on"),
            ("SLUICE_RATE_LIMIT", "off"),
            ("SLUICE_RATE_LIMIT_ANONYMOUS", "off"),
            ("SLUICE_RATE_LIMIT_HOOK", "off"),
            ("SLUICE_TRUSTED_PROXIES", "10.0.0.0/8, 0.0.0.0/0"),
            ("SLUICE_ALLOWED_ORIGINS", "http://console.example"),
            ("SLUICE_EGRESS_ALLOW", "10.0.0.0/8"),
            ("SLUICE_LOG", "sluice_api=debug,info"),
            ("DATABASE_URL", "postgres://u:p@db.internal/x"),
            ("REDIS_URL", "redis://cache.internal:6379"),
        ];
        let told = whats(&values, here);
        assert_eq!(
            told,
            [
                "SLUICE_INSECURE_NO_AUTH",
                "SLUICE_PUBLIC_URL",
                "SLUICE_ADMIN_BIND",
                "SLUICE_INTROSPECTION",
                "SLUICE_GRAPHIQL",
                "SLUICE_RATE_LIMIT",
                "SLUICE_RATE_LIMIT_ANONYMOUS",
                "SLUICE_RATE_LIMIT_HOOK",
                "SLUICE_TRUSTED_PROXIES",
                "SLUICE_ALLOWED_ORIGINS",
                "SLUICE_EGRESS_ALLOW",
                "SLUICE_LOG",
                "DATABASE_URL",
                "REDIS_URL",
                "user",
                "SLUICE_DATA_DIR",
                "sluice.toml",
            ]
        );
    }

    #[test]
    fn a_server_with_tls_in_front_and_metrics_apart_is_safe() {
        let values = [
            ("SLUICE_BIND", "0.0.0.0:8080"),
            ("SLUICE_PUBLIC_URL", "https://sluice.example"),
            ("SLUICE_HSTS", "365d"),
            ("SLUICE_ADMIN_BIND", "127.0.0.1:9090"),
            ("DATABASE_URL", "postgres://u:p@db.internal/x?sslmode=verify-full"),
            ("REDIS_URL", "redis://:p@cache.internal:6379"),
        ];
        assert_eq!(whats(&values, Surroundings::default()), Vec::<&str>::new());
    }
}
