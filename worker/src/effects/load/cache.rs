//! Answers that are kept for a while, in this process: nothing depends on them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ids::{OrganizationId, ServiceId};
use serde_json::Value;

/// Bytes of all answers that are kept, with their keys.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of one answer, with its key; a larger one is not kept.
const MOST_BYTES_OF_ONE: usize = 1024 * 1024;
/// Longest time that one is kept.
const LONGEST: Duration = Duration::from_hours(24);

/// What was asked. All of it is compared, so that no two questions share an answer; and each organization has its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// Who asked.
    pub(super) organization: OrganizationId,
    /// The service and its secret as they are set up now; none for an address of the author's own.
    pub(super) service: Option<(ServiceId, String)>,
    /// Name of the resource.
    pub(super) resource: String,
    /// The rendered request.
    pub(super) request: String,
}

#[derive(Clone)]
struct Answer {
    value: Arc<Value>,
    until: Instant,
    bytes: u32,
}

/// The answers.
pub(super) struct Cache(moka::sync::Cache<Question, Answer>);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cache").field(&self.0.entry_count()).finish()
    }
}

impl Default for Cache {
    fn default() -> Self {
        let answers = moka::sync::Cache::builder()
            .weigher(|_question: &Question, answer: &Answer| answer.bytes)
            .max_capacity(MOST_BYTES)
            .time_to_live(LONGEST);
        Self(answers.build())
    }
}

impl Cache {
    /// The answer that is kept.
    pub(super) fn get(&self, question: &Question) -> Option<Value> {
        let answer = self.0.get(question).filter(|answer| Instant::now() < answer.until);
        let outcome = if answer.is_some() { "hit" } else { "miss" };
        metrics::counter!("sluice_resource_cache_total", "outcome" => outcome).increment(1);
        answer.map(|answer| answer.value.as_ref().clone())
    }

    /// Keeps an answer for a time.
    pub(super) fn keep(&self, question: Question, value: &Value, time: Duration) {
        let service = question.service.as_ref().map_or(0, |(_, settings)| settings.len());
        let bytes = value.to_string().len() + question.request.len() + question.resource.len() + service;
        let Ok(weight) = u32::try_from(bytes) else { return };
        if bytes <= MOST_BYTES_OF_ONE && !time.is_zero() {
            let until = Instant::now() + time.min(LONGEST);
            self.0.insert(question, Answer { value: Arc::new(value.clone()), until, bytes: weight });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(organization: OrganizationId, request: &str) -> Question {
        Question { organization, service: None, resource: "order.details".to_owned(), request: request.to_owned() }
    }

    #[test]
    fn an_answer_is_kept_for_the_same_question_of_the_same_organization_alone() {
        let (cache, one, other) = (Cache::default(), OrganizationId::new(), OrganizationId::new());
        cache.keep(question(one, "a"), &json!({ "total": 1 }), Duration::from_mins(1));
        assert_eq!(cache.get(&question(one, "a")), Some(json!({ "total": 1 })));
        assert_eq!(cache.get(&question(one, "b")), None);
        assert_eq!(cache.get(&question(other, "a")), None);
        let elsewhere = Question { service: Some((ServiceId::new(), String::new())), ..question(one, "a") };
        assert_eq!(cache.get(&elsewhere), None);
    }

    #[test]
    fn what_is_too_large_or_not_to_be_kept_is_not_kept() {
        let (cache, one) = (Cache::default(), OrganizationId::new());
        cache.keep(question(one, "a"), &json!("x".repeat(MOST_BYTES_OF_ONE)), Duration::from_mins(1));
        cache.keep(question(one, "b"), &json!(1), Duration::ZERO);
        assert_eq!((cache.get(&question(one, "a")), cache.get(&question(one, "b"))), (None, None));
    }
}
