//! Loader `http`: a GET below the address of a service, or of an address of its own.

use engine::expr::to_text;
use engine::machine::{HttpRequest, LoadSource, StepError};
use reqwest::Url;
use serde_json::Value;
use service::parts::Service;

use super::{Missing, body, is_absolute, source};
use crate::effects::call::Call;
use crate::effects::service_call;

/// Most bytes of an answer: an execution may load many, and keeps all of them.
const MOST_BYTES: u64 = 1024 * 1024;

pub(super) async fn fetch(
    call: &Call<'_>,
    wanted: &LoadSource,
    service: Option<&Service>,
    key: &str,
) -> Result<Value, Missing> {
    let request = request(wanted, service)?;
    body(call.send(request, key, service).await)
}

fn request(wanted: &LoadSource, service: Option<&Service>) -> Result<HttpRequest, StepError> {
    let path = wanted.path.as_deref().unwrap_or_default();
    let mut request = match service {
        Some(service) => below(service, path)?,
        None if is_absolute(path) => to_address(path),
        None => {
            let what = "`path` is no absolute address, and `service` is missing, which has the rest of it";
            return Err(source::incomplete(what));
        }
    };
    for added in [&wanted.query, &wanted.params] {
        request.query.extend(parameters(added)?);
    }
    request.max_response_bytes = Some(MOST_BYTES);
    request.query.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(request)
}

fn to_address(address: &str) -> HttpRequest {
    HttpRequest {
        is_webhook: false,
        method: "GET".to_owned(),
        url: address.to_owned(),
        headers: Vec::new(),
        basic: None,
        query: Vec::new(),
        body: None,
        expect_status: Vec::new(),
        max_response_bytes: None,
    }
}

/// A request below the service's address. Whatever data is in the path, it does not lead out of there: `..` would
/// reach what the organization did not mean with the service's secret.
fn below(service: &Service, path: &str) -> Result<HttpRequest, StepError> {
    let base = service_call::base_url(service)?;
    let mut request = service_call::request(service, "GET", "", None)?;
    if has_dots(path) {
        let message = format!("the path below the service `{}` has a part `.` or `..`", service.name);
        return Err(StepError::other("INVALID_URL", message));
    }
    if is_absolute(path) {
        path.clone_into(&mut request.url);
    } else if !path.is_empty() {
        request.url = format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'));
    }
    let wrong = |_problem| service_call::invalid(service, "has an address that is no URL");
    let base = Url::parse(base).map_err(wrong)?;
    let url = Url::parse(&request.url)
        .map_err(|problem| StepError::other("INVALID_URL", format!("the path makes no URL: {problem}")))?;
    let rest = url.path().strip_prefix(base.path().trim_end_matches('/'));
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if url.origin() != base.origin() || !is_below {
        let message = format!("the path leads out of the address of the service `{}`", service.name);
        return Err(StepError::other("INVALID_URL", message));
    }
    Ok(request)
}

/// Whether a part of the path stands for another place, also when it is encoded: the receiver may decode it.
fn has_dots(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let path = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    path.split(['/', '\\']).any(|part| matches!(part, "." | ".."))
}

/// The fields of an object; a list gives its name several times.
fn parameters(added: &Value) -> Result<Vec<(String, String)>, StepError> {
    let fields = match added {
        Value::Null => return Ok(Vec::new()),
        Value::Object(fields) => fields,
        _other => return Err(source::incomplete("`query` and `params` of an http load are objects")),
    };
    let mut parameters = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::Array(members) => {
                parameters.extend(members.iter().map(|member| (name.clone(), to_text(member))));
            }
            other => parameters.push((name.clone(), to_text(other))),
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use engine::definition::LoaderKind;
    use ids::ServiceId;
    use serde_json::{Map, json};
    use service::parts::{Authentication, AuthenticationKind, ServiceKind};

    use super::*;

    fn service() -> Service {
        Service {
            id: ServiceId::new(),
            name: "shop".to_owned(),
            kind: ServiceKind::Http,
            base_url: Some("https://shop.example.com/api".to_owned()),
            authentication: Authentication { kind: AuthenticationKind::None, secret: None, header_name: None },
            settings: Map::new(),
        }
    }

    fn of(path: &str, query: Value, service: Option<&Service>) -> Result<HttpRequest, StepError> {
        let wanted = LoadSource {
            kind: LoaderKind::Http,
            service: None,
            path: Some(path.to_owned()),
            query,
            key: None,
            params: json!({ "b": "x" }),
            cache_ttl: None,
        };
        request(&wanted, service)
    }

    #[test]
    fn a_path_goes_behind_the_address_of_the_service() {
        let request = of("/orders/1", json!({ "c": [1, 2], "a": true, "n": null }), Some(&service())).unwrap();
        assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "https://shop.example.com/api/orders/1"));
        let pairs: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["a=true", "b=x", "c=1", "c=2"]);
        assert_eq!(of("", Value::Null, Some(&service())).unwrap().url, "https://shop.example.com/api");
        let whole = of("https://shop.example.com/api/x", Value::Null, Some(&service())).unwrap();
        assert_eq!(whole.url, "https://shop.example.com/api/x");
    }

    #[test]
    fn a_path_does_not_lead_out_of_the_service() {
        for path in [
            "../admin",
            "/a/../../admin",
            "/%2e%2e/admin",
            "/a/../b",
            "/a/.%2E/b",
            "/a/./b",
            "/a\\..\\b",
            "/a/..%2fb",
            "https://shop.example.com/api/a/../b",
            "https://other.example.com/api",
            "https://shop.example.com/apis",
        ] {
            let error = of(path, Value::Null, Some(&service())).unwrap_err();
            assert_eq!(error.code, "INVALID_URL", "{path}");
        }
    }

    #[test]
    fn an_address_within_a_path_is_data() {
        let request = of("/orders?back=https://a.example.com/../b", Value::Null, Some(&service())).unwrap();
        assert_eq!(request.url, "https://shop.example.com/api/orders?back=https://a.example.com/../b");
        let request = of("/orders/https://a.example.com", Value::Null, Some(&service())).unwrap();
        assert_eq!(request.url, "https://shop.example.com/api/orders/https://a.example.com");
        assert_eq!(of("/b?to=https://a.example.com", Value::Null, None).unwrap_err().code, "INVALID_ACTION");
    }

    #[test]
    fn without_a_service_the_path_is_an_address() {
        assert_eq!(of("https://a.example.com/b", Value::Null, None).unwrap().url, "https://a.example.com/b");
        assert_eq!(of("/b", Value::Null, None).unwrap_err().code, "INVALID_ACTION");
    }
}
