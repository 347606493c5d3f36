//! What is loaded before the first step (definition-language §4).

use super::model::{ContextLoad, Loader};
use super::reader::At;
use super::trigger::optional;
use super::{method, names, words};

pub(super) fn decode(at: &At<'_>) -> Option<Vec<ContextLoad>> {
    let mut object = at.object("`context`")?;
    let loads = object.take("load").map_or(Some(Vec::new()), |at| {
        let loads: Vec<_> = at.list()?.iter().map(load).collect();
        loads.into_iter().collect()
    });
    object.finish_plain();
    loads
}

fn load(at: &At<'_>) -> Option<ContextLoad> {
    if at.value.is_string() {
        let name = names::written_path(at, at.name_text()?)?;
        return Some(ContextLoad { name, store_as: None, optional: true, loader: None, pointer: at.pointer.clone() });
    }
    let mut object = at.object("an entry of `context.load`")?;
    let name = object.need("name").and_then(|at| at.name_text().and_then(|name| names::written_path(&at, name)));
    let store_as = optional(object.take("as"), |at| at.name_text().and_then(|path| names::written_path(at, path)));
    let is_optional = object.take("optional").map_or(Some(false), |at| at.boolean());
    let loader = match object.take("loader") {
        None => Some(None),
        Some(at) => at.word(words::LOADERS).map(Some),
    };
    let service = optional(object.take("service"), |at| at.name_text().map(str::to_owned));
    let is_http = matches!(loader, Some(Some(super::LoaderKind::Http)));
    let path = optional(object.take("path"), |at| {
        // A path is an address of its own unless a service gives the rest of it.
        let text = at.string()?;
        if is_http && text.contains("://") { method::url(at) } else { at.template() }
    });
    let query = optional(object.take("query"), At::template);
    let key = optional(object.take("key"), At::template);
    let params = optional(object.take("params"), At::object_template);
    let cache_ttl = optional(object.take("cache_ttl"), At::duration);
    object.finish_plain();
    let loader = loader?.map(|kind| Loader { kind, service, path, query, key, params, cache_ttl });
    Some(ContextLoad { name: name?, store_as, optional: is_optional?, loader, pointer: at.pointer.clone() })
}
