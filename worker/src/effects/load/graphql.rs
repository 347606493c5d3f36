//! Loader `graphql`: `data` of the answer.

use engine::machine::{CallTo, GraphqlCall, LoadSource};
use serde_json::Value;
use service::parts::Service;

use super::{Missing, body, is_absolute, source};
use crate::effects::call::Call;
use crate::effects::graphql;

pub(super) async fn fetch(
    call: &Call<'_>,
    wanted: &LoadSource,
    service: Option<&Service>,
    key: &str,
) -> Result<Value, Missing> {
    let to = match (service, wanted.path.as_deref()) {
        (Some(service), _) => CallTo::Service(service.name.clone()),
        (None, Some(address)) if is_absolute(address) => CallTo::Url(address.to_owned()),
        (None, _) => {
            let what = "neither `service` nor an absolute address in `path` says where the document goes";
            return Err(source::incomplete(what).into());
        }
    };
    let query = wanted.query.as_str().filter(|query| !query.trim().is_empty());
    let query = query.ok_or_else(|| source::incomplete("`query`, the document, is missing"))?.to_owned();
    body(graphql::run(call, &GraphqlCall { to, query, variables: wanted.params.clone() }, key).await)
}
