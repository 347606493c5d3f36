//! The settings of the front door: what is wrong with them, and what the API makes of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{HttpConfig, Introspection, Manifest, OperationPolicy, TrustedProxies};
use service::rates::{self, Buckets, Rates};

use crate::config::Config;
use crate::failure::Failure;

/// Shortest time that is told to browsers: less protects nobody between two visits.
const SHORTEST_HSTS: Duration = Duration::from_hours(24);

/// Settings with a few values.
const CHOICES: [(&str, &[&str]); 3] = [
    ("SLUICE_INTROSPECTION", &["signed-in", "on", "off"]),
    ("SLUICE_GRAPHIQL", &["auto", "on", "off"]),
    ("SLUICE_OPERATIONS", &["any", "known"]),
];

/// What cannot be read.
pub fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, choices) in CHOICES {
        if !choices.contains(&config.text(name)) {
            problems.push(format!("{name}: `{}` is none of {}", config.text(name), choices.join(", ")));
        }
    }
    for name in ["SLUICE_RATE_LIMIT", "SLUICE_RATE_LIMIT_ANONYMOUS", "SLUICE_RATE_LIMIT_HOOK"] {
        if let Err(problem) = rates::parse(config.text(name)) {
            problems.push(format!("{name}: {problem}"));
        }
    }
    if let Err(problem) = TrustedProxies::parse(config.text("SLUICE_TRUSTED_PROXIES")) {
        problems.push(format!("SLUICE_TRUSTED_PROXIES: {problem}"));
    }
    for origin in origins(config) {
        if !is_origin(&origin) {
            problems.push(format!(
                "SLUICE_ALLOWED_ORIGINS: `{origin}` is not an origin such as https://console.example.com"
            ));
        }
    }
    if let Some(problem) = hsts_problem(config.text("SLUICE_HSTS")) {
        problems.push(problem);
    }
    let admin = config.text("SLUICE_ADMIN_BIND");
    if !admin.is_empty() && admin.parse::<SocketAddr>().is_err() {
        problems.push(format!("SLUICE_ADMIN_BIND: `{admin}` is not an address such as 127.0.0.1:9090"));
    }
    let is_known = config.text("SLUICE_OPERATIONS") == "known";
    if is_known && config.text("SLUICE_OPERATIONS_FILE").is_empty() {
        problems.push("SLUICE_OPERATIONS: `known` needs SLUICE_OPERATIONS_FILE".to_owned());
    }
    let contact = config.text("SLUICE_SECURITY_CONTACT");
    if !contact.is_empty() && !is_contact(contact) {
        problems.push(format!("SLUICE_SECURITY_CONTACT: `{contact}` begins with neither mailto: nor https://"));
    }
    problems
}

/// The settings of the API; buckets are those of the mode.
pub fn http_config(config: &Config, buckets: Buckets, is_dev: bool) -> Result<HttpConfig, Failure> {
    let rate = |name: &str| rates::parse(config.text(name)).unwrap_or_default();
    let hsts = config.text("SLUICE_HSTS");
    let contact = config.text("SLUICE_SECURITY_CONTACT");
    Ok(HttpConfig {
        allowed_origins: origins(config),
        rates: Rates::new(buckets, rate("SLUICE_RATE_LIMIT"), rate("SLUICE_RATE_LIMIT_ANONYMOUS"))
            .with_hooks(rate("SLUICE_RATE_LIMIT_HOOK")),
        proxies: TrustedProxies::parse(config.text("SLUICE_TRUSTED_PROXIES")).unwrap_or_default(),
        introspection: match config.text("SLUICE_INTROSPECTION") {
            "on" => Introspection::On,
            "off" => Introspection::Off,
            _signed_in => Introspection::SignedIn,
        },
        operations: operations(config)?,
        graphiql: has_graphiql(config, is_dev),
        hsts: (!hsts.is_empty()).then(|| config.duration("SLUICE_HSTS")),
        security_contact: (!contact.is_empty()).then(|| Arc::from(contact)),
        ..HttpConfig::default()
    })
}

/// Whether browsers get the page.
pub fn has_graphiql(config: &Config, is_dev: bool) -> bool {
    match config.text("SLUICE_GRAPHIQL") {
        "on" => true,
        "off" => false,
        _auto => is_dev,
    }
}

/// The origins that are allowed besides our own.
pub fn origins(config: &Config) -> Vec<String> {
    let entries = config.text("SLUICE_ALLOWED_ORIGINS").split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn operations(config: &Config) -> Result<OperationPolicy, Failure> {
    if config.text("SLUICE_OPERATIONS") != "known" {
        return Ok(OperationPolicy::Any);
    }
    let path = config.text("SLUICE_OPERATIONS_FILE");
    let text = std::fs::read_to_string(path)
        .map_err(|problem| Failure::of(&format!("SLUICE_OPERATIONS_FILE: {path} cannot be read"), &problem))?;
    let manifest = Manifest::parse(&text)
        .map_err(|problem| Failure::of(&format!("SLUICE_OPERATIONS_FILE: {path} is no manifest"), &problem))?;
    Ok(OperationPolicy::Known(manifest))
}

/// Exactly scheme, host and perhaps a port, as browsers send it.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    ["http", "https"].contains(&scheme) && !host.is_empty() && host.bytes().all(is_plain)
}

/// It becomes a line of a page, so it may not bring another.
fn is_contact(text: &str) -> bool {
    (text.starts_with("mailto:") || text.starts_with("https://")) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn hsts_problem(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    match engine::duration::parse(text) {
        Err(problem) => Some(format!("SLUICE_HSTS: {problem}")),
        Ok(time) if time < SHORTEST_HSTS => Some(format!("SLUICE_HSTS: {text} is less than a day")),
        Ok(_long_enough) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_exact() {
        for good in ["https://console.example.com", "http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert!(is_origin(good), "{good}");
        }
        for wrong in ["*", "https://*.example.com", "console.example.com", "https://a/", "https://A.example", "null"] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_contact_is_one_line() {
        assert!(is_contact("mailto:security@example.com"));
        assert!(!is_contact("mailto:a@b\nContact: https://evil.example") && !is_contact("security@example.com"));
    }

    #[test]
    fn browsers_are_not_told_of_a_time_too_short_to_protect() {
        assert_eq!(hsts_problem(""), None);
        assert_eq!(hsts_problem("365d"), None);
        assert!(hsts_problem("5m").is_some() && hsts_problem("x").is_some());
    }
}
