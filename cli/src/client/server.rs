//! GraphQL over HTTP, and what can go wrong with it, in words.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use super::credentials::{self, Kept};
use crate::arguments::ServerOptions;
use crate::failure::Failure;
use crate::validate;

/// A server to talk to.
pub struct Server {
    client: Client,
    options: ServerOptions,
    /// What `sluice login` kept for it, unless other credentials were given.
    kept: Mutex<Option<Kept>>,
}

/// How long a token of `sluice login` is used before a new one is asked for; those of servers last for ten minutes.
const FRESH_MS: i64 = 8 * 60 * 1_000;

const REFRESH: &str = "mutation($input: SessionRefreshInput!) { sessionRefresh(input: $input) {
  accessToken refreshToken userErrors { code message field help } } }";

/// What a payload with a pair of tokens leaves to keep.
pub fn kept(email: &str, payload: &Value) -> Result<Kept, Failure> {
    let text = |name: &str| payload[name].as_str().map(str::to_owned);
    let (Some(access_token), Some(refresh_token)) = (text("accessToken"), text("refreshToken")) else {
        return Err(Failure::new("the server gave no tokens"));
    };
    Ok(Kept { email: email.to_owned(), access_token, refresh_at_ms: now_ms() + FRESH_MS, refresh_token })
}

fn now_ms() -> i64 {
    service::Clock::System.now().0
}

impl Server {
    /// With the credentials that were given, else with those that `sluice login` kept.
    pub fn new(options: &ServerOptions) -> Result<Self, Failure> {
        let kept = if options.token.is_some() { None } else { credentials::of(&options.url)? };
        Ok(Self { kept: Mutex::new(kept), ..Self::anonymous(options)? })
    }

    /// Without what `sluice login` kept.
    pub fn anonymous(options: &ServerOptions) -> Result<Self, Failure> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|problem| Failure::of("no client can be made", &problem))?;
        Ok(Self { client, options: options.clone(), kept: Mutex::new(None) })
    }

    /// A request to `path` with the credentials.
    pub fn post(&self) -> RequestBuilder {
        self.with_token(self.client.post(format!("{}/graphql", self.options.url.trim_end_matches('/'))))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.with_token(self.client.get(format!("{}{path}", self.options.url.trim_end_matches('/'))))
    }

    /// A request to `path`, without the credentials.
    pub fn call(&self, method: &str, path: &str) -> Result<RequestBuilder, Failure> {
        let method = method.parse().map_err(|_none| Failure::new(format!("`{method}` is no HTTP method")))?;
        Ok(self.client.request(method, format!("{}{path}", self.options.url.trim_end_matches('/'))))
    }

    fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match (&self.options.token, &*kept) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(kept)) => request.bearer_auth(&kept.access_token),
            (None, None) => request,
        }
    }

    /// Gets a new token where that of `sluice login` is about to end.
    pub async fn freshen(&self) -> Result<(), Failure> {
        let old = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(old) = old.filter(|old| old.refresh_at_ms <= now_ms()) else { return Ok(()) };
        let anonymous = Self::anonymous(&ServerOptions { token: None, ..self.options.clone() })?;
        let input = json!({ "input": { "refreshToken": old.refresh_token } });
        let payload = anonymous.ask("sessionRefresh", REFRESH, input).await.map_err(|failure| {
            failure.help(format!("sign in again: sluice login --email {} --url {}", old.email, self.options.url))
        })?;
        let new = kept(&old.email, &payload)?;
        credentials::keep(&self.options.url, new.clone())?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(new);
        Ok(())
    }

    pub fn unreachable(&self, problem: &reqwest::Error) -> Failure {
        Failure::of(&format!("no answer from {}", self.options.url), problem)
            .help("start a server with `sluice dev`, or name one with --url or SLUICE_URL")
    }

    /// The body of an answer.
    pub async fn json(&self, answer: reqwest::Response) -> Result<Value, Failure> {
        let status = answer.status();
        answer.json().await.map_err(|_not_json| {
            Failure::new(format!("{} answered {status}, and not as a Sluice server does", self.options.url))
        })
    }

    /// The root field `field` of the answer; the caller's mistakes are a failure, and the list of none is left out.
    pub async fn run(&self, field: &str, query: &str, variables: Value) -> Result<Value, Failure> {
        let mut value = self.answer(field, query, variables).await?;
        refuse_mistakes(&value)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("userErrors");
        }
        Ok(value)
    }

    /// The root field `field` of the answer, with the caller's mistakes.
    pub async fn answer(&self, field: &str, query: &str, variables: Value) -> Result<Value, Failure> {
        self.freshen().await?;
        self.field(field, query, variables).await
    }

    async fn ask(&self, field: &str, query: &str, variables: Value) -> Result<Value, Failure> {
        let value = self.field(field, query, variables).await?;
        refuse_mistakes(&value)?;
        Ok(value)
    }

    async fn field(&self, field: &str, query: &str, variables: Value) -> Result<Value, Failure> {
        let request = self.post().header("accept", "application/json").timeout(Duration::from_secs(45));
        let answer = request
            .json(&json!({ "query": query, "variables": variables }))
            .send()
            .await
            .map_err(|problem| self.unreachable(&problem))?;
        let mut answer = self.json(answer).await?;
        refuse_errors(&answer)?;
        Ok(answer["data"][field].take())
    }
}

impl Server {
    /// All items of the list at `path` in the answers to `query`, page by page; the query takes `$after`.
    pub async fn pages(&self, path: &[&str], query: &str) -> Result<Vec<Value>, Failure> {
        self.pages_with(path, query, json!({})).await
    }

    /// As [`Self::pages`], for a query that takes other variables too.
    pub async fn pages_with(&self, path: &[&str], query: &str, mut variables: Value) -> Result<Vec<Value>, Failure> {
        let mut items = Vec::new();
        variables["after"] = Value::Null;
        loop {
            let mut answer = self.run(path[0], query, variables.clone()).await?;
            let page = path[1..].iter().fold(&mut answer, |value, name| &mut value[*name]);
            items.extend(page["nodes"].as_array().cloned().unwrap_or_default());
            if page["pageInfo"]["hasNextPage"] != true {
                return Ok(items);
            }
            variables["after"] = page["pageInfo"]["endCursor"].take();
        }
    }
}

/// A failure when the answer has top-level errors.
pub fn refuse_errors(answer: &Value) -> Result<(), Failure> {
    let Some(errors) = answer["errors"].as_array().filter(|errors| !errors.is_empty()) else { return Ok(()) };
    let told = errors.iter().map(|error| {
        let code = error["extensions"]["code"].as_str().unwrap_or("INTERNAL");
        format!("{} ({code})", error["message"].as_str().unwrap_or_default())
    });
    Err(Failure::new(told.collect::<Vec<_>>().join("\n       ")))
}

/// A failure when the payload has mistakes of the caller.
pub fn refuse_mistakes(payload: &Value) -> Result<(), Failure> {
    let Some(mistakes) = payload["userErrors"].as_array().filter(|mistakes| !mistakes.is_empty()) else {
        return Ok(());
    };
    let told = mistakes.iter().map(|mistake| {
        let field = mistake["field"]
            .as_array()
            .map(|parts| parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."));
        let place = field.map_or_else(String::new, |field| format!("{field}: "));
        format!(
            "{place}{} ({})",
            mistake["message"].as_str().unwrap_or_default(),
            mistake["code"].as_str().unwrap_or_default()
        )
    });
    let help: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake["help"].as_str()).collect();
    let failure = Failure::new(told.collect::<Vec<_>>().join("\n       "));
    Err(if help.is_empty() { failure } else { failure.help(help.join("\n      ")) })
}

/// JSON given on the command line, or in a file named after `@`.
pub fn json_argument(name: &str, argument: Option<&str>) -> Result<Value, Failure> {
    let Some(argument) = argument else { return Ok(json!({})) };
    let (text, place) = match argument.strip_prefix('@') {
        Some(path) => (validate::read(Path::new(path))?, path.to_owned()),
        None => (argument.to_owned(), name.to_owned()),
    };
    serde_json::from_str(&text).map_err(|problem| Failure::usage(format!("{place} is not JSON: {problem}")))
}
