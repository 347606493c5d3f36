//! Channel `sms`, and chats of other prefixes: the text as JSON to the gateway that the organization set up.

use serde_json::json;
use service::parts::Service;

use super::{Said, Sent, Unsent, id, post};
use crate::effects::call::Call;

pub(super) async fn send(call: &Call<'_>, service: &Service, said: &Said<'_>) -> Result<Sent, Unsent> {
    let text = match said.subject.as_deref() {
        Some(subject) => format!("{subject}\n{}", said.message),
        None => said.message.clone(),
    };
    let body = json!({ "to": said.target, "message": text });
    let answer = post(call, service, body, &said.key, true).await?;
    Ok(id(&answer, &["id", "sid", "message_id"]))
}
