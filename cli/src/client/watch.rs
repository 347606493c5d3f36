//! `sluice watch`: follows an execution live; a broken connection goes on where it was.

use std::process::ExitCode;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::server::{Server, refuse_errors};
use super::start::ending;
use crate::arguments::WatchOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const FOLLOW: &str = "subscription($id: ID!, $after: String) { executionUpdated(id: $id, after: $after) {
  cursor event { sequence type at stepPath summary } execution { id status } } }";
const ENDING: &str = "query($id: ID!) { execution(id: $id) { id status
  decision { outcome reason metadata stepPath why { summary } } error { code message stepPath } } }";

/// Pause before a broken connection is made anew.
const PAUSE: Duration = Duration::from_secs(1);
/// Broken connections in a row after which it gives up.
const TRIES: u32 = 30;

pub async fn run(options: WatchOptions, format: Format) -> Result<ExitCode, Failure> {
    follow_from(options, None, format).await
}

/// Follows from a cursor, or from the present state when there is none.
pub async fn follow_from(
    options: WatchOptions,
    mut after: Option<String>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let mut tries = 0;
    loop {
        match follow(&server, &options.execution, &mut after, format).await {
            Ok(true) => break,
            Ok(false) => tries = 0,
            Err(failure) if after.is_none() || tries >= TRIES => return Err(failure),
            Err(_broken) => tries += 1,
        }
        eprintln!("the connection broke, going on where it was");
        tokio::time::sleep(PAUSE).await;
    }
    let execution = server.run("execution", ENDING, json!({ "id": options.execution })).await?;
    if format == Format::Table {
        output::line(&ending(&execution))?;
    } else {
        output::line(&json!({ "execution": execution }).to_string())?;
    }
    Ok(if execution["status"] == "COMPLETED" { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Follows until the server says that all was told; false when the connection broke before.
async fn follow(server: &Server, id: &str, after: &mut Option<String>, format: Format) -> Result<bool, Failure> {
    server.freshen().await?;
    let request = server.post().header("accept", "text/event-stream");
    let answer = request
        .json(&json!({ "query": FOLLOW, "variables": { "id": id, "after": after } }))
        .send()
        .await
        .map_err(|problem| server.unreachable(&problem))?;
    let is_stream =
        answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !is_stream {
        // A refusal is answered as JSON; anything else comes from somebody else, or from a proxy on the way.
        let refused = server.json(answer).await?;
        refuse_errors(&refused)?;
        return Err(Failure::new("the server answers without a stream of events"));
    }
    let mut bytes = answer.bytes_stream();
    let mut buffer = String::new();
    while let Some(chunk) = bytes.next().await {
        let Ok(chunk) = chunk else { return Ok(false) };
        buffer.push_str(&String::from_utf8_lossy(&chunk));
        while let Some(end) = buffer.find("\n\n") {
            let block: String = buffer.drain(..end + 2).collect();
            if block.lines().any(|line| line == "event: complete") {
                return Ok(true);
            }
            let data: String = block.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            if let Ok(item) = serde_json::from_str::<Value>(&data) {
                refuse_errors(&item)?;
                tell(&item["data"]["executionUpdated"], format)?;
                *after = item["data"]["executionUpdated"]["cursor"].as_str().map(str::to_owned).or(after.take());
            }
        }
    }
    Ok(false)
}

fn tell(update: &Value, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        output::line(&update.to_string())?;
    } else if update["event"].is_object() {
        let event = &update["event"];
        output::line(&format!(
            "{}  {}",
            event["at"].as_str().unwrap_or_default(),
            event["summary"].as_str().unwrap_or_default()
        ))?;
    } else {
        output::line(&format!(
            "{} {}",
            update["execution"]["id"].as_str().unwrap_or_default(),
            update["execution"]["status"].as_str().unwrap_or_default().to_lowercase()
        ))?;
    }
    Ok(())
}
