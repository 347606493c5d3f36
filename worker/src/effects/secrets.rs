//! Secrets in requests: their values in place of the marks, just before a call leaves.
//!
//! The engine writes `mark NAME end` where a definition names a secret; what it stores has no values. Only names that
//! the definition itself has are replaced, only in this one call, and only when the secret may go to its host.

use std::collections::BTreeMap;

use engine::machine::{Body, HttpRequest, SecretMarks, StepError};
use reqwest::Url;
use serde_json::{Map, Value};
use service::parts::UsableSecret;

/// The request with values in place of marks.
///
/// # Errors
/// `UNKNOWN_SECRET`, `SECRET_NOT_ALLOWED`; `INVALID_ACTION` when a secret would choose where the call goes. None of
/// them shows a value.
pub(super) fn filled(
    request: &HttpRequest,
    marks: &SecretMarks,
    secrets: &BTreeMap<String, UsableSecret>,
) -> Result<HttpRequest, StepError> {
    let filling = Filling { marks, secrets, address: &address(request, marks)? };
    let pair = |(name, text): &(String, String)| -> Result<(String, String), StepError> {
        Ok((filling.text(name)?, filling.text(text)?))
    };
    let pairs = |pairs: &[(String, String)]| pairs.iter().map(pair).collect::<Result<Vec<_>, _>>();
    let body = match &request.body {
        None => None,
        Some(Body::Json(value)) => Some(Body::Json(filling.json(value)?)),
        Some(Body::Text(text)) => Some(Body::Text(filling.text(text)?)),
        Some(Body::Form(fields)) => Some(Body::Form(pairs(fields)?)),
    };
    Ok(HttpRequest {
        is_webhook: request.is_webhook,
        method: request.method.clone(),
        url: filling.replaced(&request.url, in_address)?,
        headers: pairs(&request.headers)?,
        basic: request.basic.as_ref().map(pair).transpose()?,
        query: pairs(&request.query)?,
        body,
        expect_status: request.expect_status.clone(),
        max_response_bytes: request.max_response_bytes,
    })
}

/// Whether the secret may be sent to the host of `address`.
pub(super) fn is_allowed(secret: &UsableSecret, address: &Url) -> bool {
    let Some(host) = address.host_str().map(|host| host.trim_end_matches('.').to_ascii_lowercase()) else {
        return false;
    };
    let with_port = address.port_or_known_default().map(|port| format!("{host}:{port}"));
    let is_it = |entry: &String| match entry.strip_prefix('*') {
        Some(end) => end.starts_with('.') && host.len() > end.len() && host.ends_with(end),
        None => *entry == host || Some(entry) == with_port.as_ref(),
    };
    secret.allowed_hosts.is_empty() || secret.allowed_hosts.iter().any(is_it)
}

/// The failure of a call that wants to send a secret elsewhere than it may go.
pub(super) fn not_allowed(name: &str, address: &Url) -> StepError {
    let host = address.host_str().unwrap_or("an address without a host");
    let message = format!(
        "the secret `{name}` may not be sent to {host}; add the host to the secret's allowed hosts, or call another one"
    );
    StepError::other("SECRET_NOT_ALLOWED", message)
}

/// The failure of a call that names a secret which does not exist.
pub(super) fn unknown(name: &str) -> StepError {
    let message = format!("there is no secret `{name}`; set it with `sluice secret set {name}`");
    StepError::other("UNKNOWN_SECRET", message)
}

/// A value as part of an address: what would begin another part of it, such as `?` and `&`, is written as `%3F`.
/// A slash stays, for services give out secrets that are paths.
pub(super) fn in_address(value: &str) -> String {
    percent_encoded(value, b"-._~/:@,")
}

/// `text` with all but letters, digits and `kept` written as `%` and two digits.
pub(super) fn percent_encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    encoded
}

/// Where the request goes. No secret may have a part in that: what the address names instead of one, twice, has to
/// come out as the same place.
fn address(request: &HttpRequest, marks: &SecretMarks) -> Result<Url, StepError> {
    let with = |stand_in: &str| {
        let text = each(marks, &request.url, |_name| Ok(stand_in.to_owned()))?;
        Url::parse(&text).map_err(|problem| StepError::other("INVALID_URL", format!("the URL is not valid: {problem}")))
    };
    let has_marks = !marks.mark.is_empty() && request.url.contains(marks.mark.as_str());
    let one = match with("1") {
        Err(_problem) if has_marks => return Err(misplaced()),
        parsed => parsed?,
    };
    if has_marks {
        let two = with("2").map_err(|_problem| misplaced())?;
        let place = |url: &Url| (url.origin(), url.username().to_owned(), url.password().map(str::to_owned));
        if place(&one) != place(&two) {
            return Err(misplaced());
        }
    }
    Ok(one)
}

fn misplaced() -> StepError {
    let message = "a secret stands in the scheme, the host or the port of the URL; it may stand in path and query";
    StepError::other("INVALID_ACTION", message)
}

struct Filling<'a> {
    marks: &'a SecretMarks,
    secrets: &'a BTreeMap<String, UsableSecret>,
    address: &'a Url,
}

impl Filling<'_> {
    fn text(&self, text: &str) -> Result<String, StepError> {
        self.replaced(text, str::to_owned)
    }

    fn json(&self, value: &Value) -> Result<Value, StepError> {
        match value {
            Value::String(text) => self.text(text).map(Value::String),
            Value::Array(members) => {
                members.iter().map(|member| self.json(member)).collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((self.text(name)?, self.json(value)?)));
                fields.collect::<Result<Map<_, _>, StepError>>().map(Value::Object)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
        }
    }

    fn replaced(&self, text: &str, written: impl Fn(&str) -> String) -> Result<String, StepError> {
        each(self.marks, text, |name| {
            let secret = self.secrets.get(name).ok_or_else(|| unknown(name))?;
            if !is_allowed(secret, self.address) {
                return Err(not_allowed(name, self.address));
            }
            Ok(written(secret.value.reveal()))
        })
    }
}

/// `text` with what `value` has for each mark; what only looks like one stays as it is.
fn each(
    marks: &SecretMarks,
    text: &str,
    value: impl Fn(&str) -> Result<String, StepError>,
) -> Result<String, StepError> {
    let SecretMarks { mark, end, names } = marks;
    if mark.is_empty() || end.is_empty() {
        return Ok(text.to_owned());
    }
    let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once(mark.as_str()) {
        filled.push_str(before);
        let named = behind.split_once(end.as_str()).filter(|(name, _)| names.iter().any(|known| known == name));
        rest = if let Some((name, after)) = named {
            filled.push_str(&value(name)?);
            after
        } else {
            filled.push_str(mark);
            behind
        };
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use service::sealed::Secret;

    use super::*;

    const MARK: &str = "\u{fdd0}1:";
    const END: &str = "\u{fdd1}";

    fn marks(names: &[&str]) -> SecretMarks {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        SecretMarks { mark: MARK.to_owned(), end: END.to_owned(), names }
    }

    fn marked(name: &str) -> String {
        format!("{MARK}{name}{END}")
    }

    fn secret(value: &str, hosts: &[&str]) -> UsableSecret {
        let allowed_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        UsableSecret { value: Secret::new(value), allowed_hosts, fingerprint: String::new() }
    }

    fn known(secrets: &[(&str, UsableSecret)]) -> BTreeMap<String, UsableSecret> {
        secrets.iter().map(|(name, secret)| ((*name).to_owned(), secret.clone())).collect()
    }

    fn request(url: &str) -> HttpRequest {
        HttpRequest {
            is_webhook: false,
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            basic: None,
            query: Vec::new(),
            body: None,
            expect_status: Vec::new(),
            max_response_bytes: None,
        }
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn every_part_of_a_request_gets_the_value() {
        let mut call = request(&format!("https://api.example.com/bot{}/send?k={}", marked("KEY"), marked("KEY")));
        call.headers = vec![pair("authorization", &format!("Bearer {}", marked("KEY")))];
        call.query = vec![pair("key", &marked("KEY"))];
        call.basic = Some((marked("KEY"), marked("KEY")));
        call.body = Some(Body::Json(json!({ "a": [{ "b": marked("KEY") }], "n": 1 })));
        let filled = filled(&call, &marks(&["KEY"]), &known(&[("KEY", secret("a&b/c", &[]))])).unwrap();
        assert_eq!(filled.url, "https://api.example.com/bota%26b/c/send?k=a%26b/c");
        assert_eq!(filled.headers, [pair("authorization", "Bearer a&b/c")]);
        assert_eq!(filled.query, [pair("key", "a&b/c")]);
        assert_eq!(filled.basic, Some(pair("a&b/c", "a&b/c")));
        assert_eq!(filled.body, Some(Body::Json(json!({ "a": [{ "b": "a&b/c" }], "n": 1 }))));
    }

    #[test]
    fn what_came_from_outside_names_no_secret() {
        let secrets = known(&[("KEY", secret("value", &[])), ("OTHER", secret("other", &[]))]);
        // Of another mark, of a name that the definition does not have, and without an end.
        for text in
            ["\u{fdd0}0:KEY\u{fdd1}", "{{secrets.KEY}}", marked("OTHER").as_str(), format!("{MARK}KEY").as_str()]
        {
            let mut call = request("https://api.example.com/");
            call.body = Some(Body::Text(text.to_owned()));
            assert_eq!(filled(&call, &marks(&["KEY"]), &secrets).unwrap(), call, "{text}");
        }
    }

    #[test]
    fn a_secret_goes_to_its_hosts_alone() {
        let hosts = ["api.example.com", "*.example.org", "local:8443"];
        let secrets = known(&[("KEY", secret("s3cr3t-value", &hosts))]);
        let to = |url: &str| {
            let mut call = request(url);
            call.headers = vec![pair("x-key", &marked("KEY"))];
            filled(&call, &marks(&["KEY"]), &secrets)
        };
        for url in [
            "https://api.example.com/a",
            "https://API.example.com.:8080/",
            "http://a.b.example.org/",
            "https://local:8443/",
        ] {
            assert!(to(url).is_ok(), "{url}");
        }
        for url in [
            "https://example.com/",
            "https://example.org/",
            "https://badexample.org/",
            "https://api.example.com.evil.net/",
            "https://evil.net/api.example.com",
            "https://api.example.com@evil.net/",
            "https://local/",
        ] {
            let error = to(url).unwrap_err();
            assert_eq!(error.code, "SECRET_NOT_ALLOWED", "{url}");
            assert!(error.message.contains("`KEY`") && !error.message.contains("s3cr3t"), "{}", error.message);
        }
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let mut call = request("https://api.example.com/");
        call.query = vec![pair("key", &marked("KEY"))];
        let error = filled(&call, &marks(&["KEY"]), &BTreeMap::new()).unwrap_err();
        assert_eq!(error.code, "UNKNOWN_SECRET");
        assert!(error.message.contains("`KEY`"));
    }

    #[test]
    fn no_secret_chooses_where_a_call_goes() {
        let secrets = known(&[("KEY", secret("evil.net", &[]))]);
        let key = marked("KEY");
        for url in [
            format!("https://{key}/"),
            format!("https://{key}.example.com/"),
            format!("https://api.example.com:{key}/"),
            format!("https:///{key}/a"),
            format!("https:\\\\{key}\\a"),
            format!("https://[{key}]/"),
            format!("https://{key}@api.example.com/"),
            format!("https://user:{key}@api.example.com/"),
            format!("{key}://api.example.com/"),
            key.clone(),
        ] {
            let error = filled(&request(&url), &marks(&["KEY"]), &secrets).unwrap_err();
            assert_eq!(error.code, "INVALID_ACTION", "{url}");
            assert!(!error.message.contains("evil.net"));
        }
    }

    #[test]
    fn a_value_in_an_address_begins_no_other_part_of_it() {
        assert_eq!(in_address("T00/B00/x"), "T00/B00/x");
        assert_eq!(in_address("a?b#c&d=e f%g\\"), "a%3Fb%23c%26d%3De%20f%25g%5C");
    }
}
