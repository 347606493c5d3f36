//! Loader `record`: the record of an entity, by its id.

use engine::definition::RecordOperation;
use engine::machine::{LoadSource, RecordCall};
use serde_json::Value;
use service::parts::Service;

use super::{Missing, body, source};
use crate::effects::call::Call;
use crate::effects::record;

pub(super) async fn fetch(
    call: &Call<'_>,
    wanted: &LoadSource,
    service: Option<&Service>,
    key: &str,
) -> Result<Value, Missing> {
    let entity = wanted.path.clone().filter(|entity| !entity.is_empty());
    let entity = entity.ok_or_else(|| source::incomplete("`path`, the entity, is missing"))?;
    let asked = RecordCall {
        operation: RecordOperation::Get,
        entity,
        entity_id: wanted.key.clone(),
        data: wanted.params.clone(),
        service: service.map(|service| service.name.clone()),
    };
    body(record::run(call, &asked, key).await)
}
