//! Typed identifiers: a UUIDv7 inside, a type prefix and 26 Crockford characters outside.
//!
//! UUIDv7 sorts by the time it was made, so ordering by id is ordering by acceptance. The prefix
//! tells a wrong kind of id apart from an object that does not exist.

mod crockford;

use std::sync::Mutex;

use uuid::{ContextV7, Timestamp, Uuid};

pub use uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The text is an id of another kind, or no id at all.
    #[error("`{text}` is not an id of this kind: expected `{expected}_` and 26 characters")]
    WrongPrefix {
        /// Prefix of the wanted kind, without the underscore.
        expected: &'static str,
        /// What was given, cut to 64 characters.
        text: String,
    },
    /// The prefix is right but what follows is not 26 Crockford characters of 128 bits.
    #[error(
        "`{text}` is not a well-formed id: after `{expected}_` come 26 characters of 0-9 and a-z without i, l, o, u"
    )]
    Malformed {
        /// Prefix of the wanted kind, without the underscore.
        expected: &'static str,
        /// What was given, cut to 64 characters.
        text: String,
    },
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn parse_prefixed(prefix: &'static str, text: &str) -> Result<Uuid, ParseIdError> {
    let Some(body) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) else {
        return Err(ParseIdError::WrongPrefix { expected: prefix, text: cut(text) });
    };
    crockford::decode(body)
        .map(Uuid::from_u128)
        .ok_or_else(|| ParseIdError::Malformed { expected: prefix, text: cut(text) })
}

/// What keeps the order of ids that are made for given moments.
static MADE: Mutex<ContextV7> = Mutex::new(ContextV7::new());

fn uuid_at(unix_ms: i64) -> Uuid {
    let millis = u64::try_from(unix_ms).unwrap_or(0);
    let nanos = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(&MADE, millis / 1_000, nanos))
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Prefix of this kind of id, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id that sorts after those made before it.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a new id is an act, not a neutral value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// A new id of a moment on a clock of the caller's, in Unix milliseconds: it sorts after those that this
            /// process made for this moment or a later one, and in time with those of other processes on that clock.
            #[must_use]
            pub fn at(unix_ms: i64) -> Self {
                Self(uuid_at(unix_ms))
            }

            /// Wraps a UUID that is known to be an id of this kind, such as a column's value.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, as the database stores it.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($prefix)?;
                f.write_str("_")?;
                f.write_str(crockford::encode(self.0.as_u128()).as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_prefixed($prefix, text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

typed_ids! {
    /// A tenant: everything stored belongs to exactly one.
    OrganizationId = "org";
    /// A person, or a service account.
    UserId = "usr";
    /// A person's place in an organization.
    MembershipId = "mem";
    /// A named set of permissions.
    RoleId = "rol";
    /// An invitation to an organization.
    InvitationId = "inv";
    /// A signed-in browser or program.
    SessionId = "ses";
    /// A schedule.
    ScheduleId = "sch";
    /// A point in time of a schedule, and what came of it.
    ScheduleRunId = "srn";
    /// Past points in time of a schedule that are made up for together.
    BackfillId = "bkf";
    /// A condition, check or addition that workflows share.
    RuleId = "rule";
    /// A key of a program.
    ApiKeyId = "key";
    /// An identity provider of an organization.
    IdentityProviderId = "idp";
    /// An entry of the audit log.
    AuditEntryId = "aud";
    /// A workflow, across all of its versions.
    WorkflowId = "wf";
    /// One immutable, published content of a workflow.
    WorkflowVersionId = "wfv";
    /// One run of a workflow version.
    ExecutionId = "exe";
    /// An event that was accepted.
    EventId = "evt";
    /// An address that others call to start a workflow.
    HookId = "hok";
    /// A decision that people have to make.
    ApprovalId = "apr";
    /// A time in which somebody stands in for somebody else.
    SubstitutionId = "sub";
    /// An address that is told of what happens.
    WebhookEndpointId = "whk";
    /// A message to such an address.
    WebhookDeliveryId = "whd";
    /// Work on many executions.
    BulkOperationId = "blk";
    /// What somebody wrote about an approval.
    ApprovalCommentId = "cmt";
    /// One start of one worker process; never reused.
    WorkerId = "wrk";
    /// Failures of the same cause.
    ErrorGroupId = "err";
    /// A value that can be used but never read back.
    SecretId = "sec";
    /// A named value for definitions.
    VariableId = "var";
    /// A system that definitions call by name.
    ServiceId = "svc";
    /// How data that definitions declare by name is fetched.
    ResourceLoaderId = "ldr";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written_and_read() {
        let id = ExecutionId::new();
        assert_eq!(id.to_string().parse::<ExecutionId>(), Ok(id));
        assert_eq!(serde_json::from_str::<ExecutionId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn ids_sort_by_text_as_they_were_made() {
        let ids: Vec<ExecutionId> = (0..100).map(|_| ExecutionId::new()).collect();
        let mut texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let made = texts.clone();
        texts.sort();
        assert_eq!(texts, made);
    }

    #[test]
    fn ids_of_given_moments_have_them_and_sort_as_they_were_made() {
        let moment = 1_795_000_000_123;
        let ids: Vec<EventId> = [moment, moment, moment, moment + 1].map(EventId::at).to_vec();
        let mut sorted = ids.clone();
        sorted.sort();
        assert_eq!(sorted, ids);
        let moments: Vec<i64> = ids.iter().map(|id| i64::try_from(id.uuid().as_u128() >> 80).unwrap()).collect();
        assert_eq!(moments, [moment, moment, moment, moment + 1]);
    }

    #[test]
    fn another_kind_of_id_is_told_apart_from_a_malformed_one() {
        let workflow = WorkflowId::new().to_string();
        assert!(matches!(workflow.parse::<ExecutionId>(), Err(ParseIdError::WrongPrefix { .. })));
        assert!(matches!("exe_short".parse::<ExecutionId>(), Err(ParseIdError::Malformed { .. })));
        assert!(matches!("".parse::<ExecutionId>(), Err(ParseIdError::WrongPrefix { .. })));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _outcome = text.parse::<ExecutionId>();
        }

        #[test]
        fn every_uuid_survives(bits in proptest::prelude::any::<u128>()) {
            let id = EventId::from_uuid(Uuid::from_u128(bits));
            proptest::prop_assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        }
    }
}
