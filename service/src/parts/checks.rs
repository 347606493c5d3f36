//! What names, texts, addresses and values of parts have to be.

use serde_json::Value;
use url::{Host, Url};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::viewer::Viewer;

/// Longest name of a secret or variable, and longest part of the name of a resource, in characters.
pub const MAX_NAME: usize = 100;
/// Longest name of a resource, in characters.
const MAX_RESOURCE: usize = 255;
/// Longest title, in characters.
const MAX_TITLE: usize = 255;
/// Longest description, and longest address, in characters.
const MAX_TEXT: usize = 2_000;
/// Largest value, schema, request and settings, in bytes of JSON.
pub const MAX_JSON: usize = 64 * 1_024;
/// Hosts of one secret at most.
const MAX_HOSTS: usize = 100;

/// Parts belong to the whole organization: whoever is limited to folders changes none.
pub fn everywhere(viewer: &Viewer) -> Result<(), ServiceError> {
    if viewer.folders.is_none() {
        return Ok(());
    }
    let message = "your role is limited to folders, and secrets, variables, services and resources belong to the \
                   whole organization";
    Err(ServiceError::mistake(Mistake::new(Code::WrongState, "", message)))
}

/// `[a-zA-Z_][a-zA-Z0-9_-]{0,99}`: a name that a template can write.
pub fn is_name(text: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(begins)
        && text.bytes().all(|byte| begins(byte) || byte.is_ascii_digit() || byte == b'-')
}

/// Names joined by dots, such as `order.details`.
pub fn is_resource(text: &str) -> bool {
    text.len() <= MAX_RESOURCE && text.split('.').all(is_name)
}

pub fn check_name(name: &str, mistakes: &mut Vec<Mistake>) {
    if !is_name(name) {
        let message = format!(
            "a name has 1 to {MAX_NAME} letters, digits, `_` and `-`, and begins with a letter or `_`; templates \
             write it"
        );
        mistakes.push(Mistake::new(Code::Invalid, "name", message));
    }
}

pub fn check_resource(name: &str, mistakes: &mut Vec<Mistake>) {
    if !is_resource(name) {
        let message = "the name of a resource has names joined by dots, such as `order.details`; each has letters, \
                       digits, `_` and `-`, and begins with a letter or `_`";
        mistakes.push(Mistake::new(Code::Invalid, "resource", message));
    }
}

pub fn check_description(description: Option<&str>, mistakes: &mut Vec<Mistake>) {
    if description.is_some_and(|text| text.chars().count() > MAX_TEXT || text.contains('\0')) {
        let message = format!("a description has at most {MAX_TEXT} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "description", message));
    }
}

pub fn check_title(title: Option<&str>, mistakes: &mut Vec<Mistake>) {
    if title.is_some_and(|text| text.trim().is_empty() || text.chars().count() > MAX_TITLE || text.contains('\0')) {
        let message = format!("a title has 1 to {MAX_TITLE} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "title", message));
    }
}

/// Refuses JSON that is too large or holds what no database keeps; true when it is acceptable.
pub fn check_json(field: &str, value: &Value, mistakes: &mut Vec<Mistake>) -> bool {
    let is_small = value.to_string().len() <= MAX_JSON;
    if !is_small {
        mistakes.push(Mistake::new(Code::TooLarge, field, format!("`{field}` has at most {MAX_JSON} bytes of JSON")));
    }
    is_small
}

/// Refuses what is no JSON Schema.
pub fn check_schema(field: &str, schema: Option<&Value>, mistakes: &mut Vec<Mistake>) -> bool {
    let Some(schema) = schema else { return true };
    if !check_json(field, schema, mistakes) {
        return false;
    }
    let problems = engine::rule::check_schema(schema);
    let is_schema = problems.is_empty();
    mistakes.extend(problems.into_iter().map(|problem| {
        let message = format!("{} at `{}`", problem.message, problem.pointer);
        let mistake = Mistake::new(Code::Invalid, field, message);
        if let Some(hint) = problem.suggestion { mistake.with_help(hint) } else { mistake }
    }));
    is_schema
}

/// A path into the context or an answer.
pub fn check_path(field: &str, path: Option<&str>, mistakes: &mut Vec<Mistake>) {
    let Some(path) = path else { return };
    if path.len() > MAX_TEXT || path.contains('\0') {
        mistakes.push(Mistake::new(Code::Invalid, field, format!("a path has at most {MAX_TEXT} characters")));
    } else if let Err(problem) = engine::expr::Path::parse(path) {
        mistakes.push(Mistake::new(Code::Invalid, field, problem.to_string()));
    }
}

/// The hosts that a secret may go to, as they are compared: `host`, `host:port` or `*.example.com`, in lower case.
pub fn hosts(list: &[String], mistakes: &mut Vec<Mistake>) -> Vec<String> {
    if list.len() > MAX_HOSTS {
        let message = format!("a secret has at most {MAX_HOSTS} hosts");
        mistakes.push(Mistake::new(Code::TooLarge, "allowedHosts", message));
        return Vec::new();
    }
    let mut hosts = Vec::with_capacity(list.len());
    for (place, text) in list.iter().enumerate() {
        match host(text.trim()) {
            Some(host) if hosts.contains(&host) => {}
            Some(host) => hosts.push(host),
            None => {
                let shown: String = text.chars().take(64).collect();
                let message = format!("`{shown}` is no host");
                let mistake = Mistake::new(Code::Invalid, &format!("allowedHosts.{place}"), message);
                mistakes.push(mistake.with_help("Write `api.example.com`, `api.example.com:8443` or `*.example.com`."));
            }
        }
    }
    hosts
}

fn host(text: &str) -> Option<String> {
    // In a name of a host it would be a letter like any other.
    if text.strip_prefix("*.").unwrap_or(text).contains('*') {
        return None;
    }
    if let Some(domain) = text.strip_prefix("*.") {
        return match Host::parse(domain).ok()? {
            // A whole top level belongs to nobody.
            Host::Domain(domain) if domain.trim_end_matches('.').contains('.') => {
                Some(format!("*.{}", domain.trim_end_matches('.')))
            }
            Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => None,
        };
    }
    // What stands behind the last colon is a port, unless it is within the brackets of an address.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _without_port => (text, None),
    };
    let host = Host::parse(name).ok()?.to_string().trim_end_matches('.').to_owned();
    match port {
        None => Some(host),
        Some(port) => {
            let number: u16 = port.parse().ok().filter(|number| *number > 0)?;
            Some(format!("{host}:{number}"))
        }
    }
}

/// An address of one of `schemes` that names a host and no credentials, without a slash at its end.
pub fn base_url(text: &str, schemes: &[&str], mistakes: &mut Vec<Mistake>) -> String {
    match address(text.trim(), schemes) {
        Ok(address) => address,
        Err(wrong) => {
            mistakes.push(Mistake::new(Code::Invalid, "baseUrl", wrong));
            String::new()
        }
    }
}

fn address(text: &str, schemes: &[&str]) -> Result<String, String> {
    let expected = || format!("an address of this kind begins with {}", list(schemes));
    if text.chars().count() > MAX_TEXT {
        return Err(format!("an address has at most {MAX_TEXT} characters"));
    }
    let url = Url::parse(text).map_err(|problem| format!("this is no address: {problem}; {}", expected()))?;
    if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("{}, and names a host", expected()));
    }
    if url.password().is_some() {
        let message = "an address holds no password: put it into a secret, and name that in `authentication`";
        return Err(message.to_owned());
    }
    let is_http = matches!(url.scheme(), "http" | "https");
    if is_http && !url.username().is_empty() {
        return Err("an address holds no user name: put it into `settings.username`".to_owned());
    }
    if url.fragment().is_some() || is_http && url.query().is_some() {
        return Err("an address ends with its path: what comes behind it is added to that".to_owned());
    }
    Ok(if is_http { text.trim_end_matches('/').to_owned() } else { text.to_owned() })
}

fn list(schemes: &[&str]) -> String {
    let schemes: Vec<String> = schemes.iter().map(|scheme| format!("`{scheme}://`")).collect();
    schemes.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_templates_can_write() {
        for name in ["token", "_", "STRIPE_KEY", "a-b_1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "a.b", "a b", "ä", &"a".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_resource("order.details") && is_resource("order") && !is_resource("order..x") && !is_resource("."));
    }

    #[test]
    fn hosts_are_kept_as_they_are_compared() {
        let mut mistakes = Vec::new();
        let given =
            ["API.Example.com", " api.example.com. ", "api.example.com:8443", "*.Example.com", "[::1]:80", "10.0.0.1"];
        let kept = hosts(&given.map(str::to_owned), &mut mistakes);
        assert_eq!(kept, ["api.example.com", "api.example.com:8443", "*.example.com", "[::1]:80", "10.0.0.1"]);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        let wrong =
            ["", "*", "*.com", "a.*.com", "https://a.com", "a.com/path", "a@b.com", "a.com:0", "a.com:x", "a b"];
        assert_eq!(hosts(&wrong.map(str::to_owned), &mut mistakes), Vec::<String>::new());
        assert_eq!(mistakes.len(), wrong.len());
        assert_eq!(mistakes[1].field, ["allowedHosts", "1"]);
    }

    #[test]
    fn an_address_holds_no_credentials_and_nothing_behind_its_path() {
        let of = |text: &str, schemes: &[&str]| address(text, schemes).ok();
        assert_eq!(
            of("https://api.example.com/v1/", &["https", "http"]).as_deref(),
            Some("https://api.example.com/v1")
        );
        assert_eq!(
            of("postgres://reader@db/shop?sslmode=require", &["postgres"]).as_deref(),
            Some("postgres://reader@db/shop?sslmode=require")
        );
        for wrong in
            ["https://u:p@a.com", "https://u@a.com", "https://a.com?x=1", "https://a.com#x", "ftp://a.com", "a.com", ""]
        {
            assert_eq!(of(wrong, &["https", "http"]), None, "{wrong}");
        }
        assert_eq!(of("postgres://u:p@db/shop", &["postgres"]), None);
    }
}
