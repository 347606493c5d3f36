//! What can be allowed or refused in an organization.

macro_rules! permissions {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $title:literal;)*) => {
        /// An action that can be allowed or refused in an organization.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $($(#[doc = $doc])* $name,)*
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Name in the API, in stored roles and in messages; for ever.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Title for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it allows, in one sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_start(),)* }
            }
        }
    };
}

permissions! {
    /// See workflows, their versions and drafts.
    WorkflowRead = "WORKFLOW_READ", "See workflows";
    /// Create workflows, edit drafts, try them out.
    WorkflowWrite = "WORKFLOW_WRITE", "Edit workflows";
    /// Publish, enable, disable, roll back.
    WorkflowPublish = "WORKFLOW_PUBLISH", "Publish workflows";
    /// Archive and delete.
    WorkflowDelete = "WORKFLOW_DELETE", "Delete workflows";
    /// See executions without their data.
    ExecutionRead = "EXECUTION_READ", "See executions";
    /// See inputs, outputs and logs.
    ExecutionDataRead = "EXECUTION_DATA_READ", "See data of executions";
    /// Start executions of workflows.
    ExecutionStart = "EXECUTION_START", "Start executions";
    /// Pause, resume, retry, cancel, signal.
    ExecutionControl = "EXECUTION_CONTROL", "Control executions";
    /// Edit data, skip steps, migrate, delete.
    ExecutionRepair = "EXECUTION_REPAIR", "Repair executions";
    /// See events and what came of them.
    EventRead = "EVENT_READ", "See events";
    /// Send events that start or wake executions.
    EventEmit = "EVENT_EMIT", "Send events";
    /// See approvals, open and decided.
    ApprovalRead = "APPROVAL_READ", "See approvals";
    /// Decide, where the approval asks for the caller.
    ApprovalDecide = "APPROVAL_DECIDE", "Decide approvals";
    /// Reassign and cancel approvals of others.
    ApprovalAdmin = "APPROVAL_ADMIN", "Administer approvals";
    /// See schedules and when they fire.
    ScheduleRead = "SCHEDULE_READ", "See schedules";
    /// Create, change, pause and delete schedules.
    ScheduleWrite = "SCHEDULE_WRITE", "Edit schedules";
    /// See rules and where they are used.
    RuleRead = "RULE_READ", "See rules";
    /// Create, change and delete rules.
    RuleWrite = "RULE_WRITE", "Edit rules";
    /// See services and loaders.
    ServiceRead = "SERVICE_READ", "See services";
    /// Edit services and loaders, hold and release.
    ServiceWrite = "SERVICE_WRITE", "Edit services";
    /// Refer to secrets in definitions.
    SecretUse = "SECRET_USE", "Use secrets";
    /// Set and delete secrets.
    SecretWrite = "SECRET_WRITE", "Edit secrets";
    /// Set and delete variables.
    VariableWrite = "VARIABLE_WRITE", "Edit variables";
    /// See members, roles and invitations.
    MemberRead = "MEMBER_READ", "See members";
    /// Invite, remove, change roles of members.
    MemberWrite = "MEMBER_WRITE", "Edit members";
    /// Create, change and delete roles.
    RoleWrite = "ROLE_WRITE", "Edit roles";
    /// Make and revoke keys.
    ApiKeyWrite = "API_KEY_WRITE", "Edit API keys";
    /// Change and delete the organization.
    OrganizationWrite = "ORGANIZATION_WRITE", "Edit the organization";
    /// See, export and verify the audit log.
    AuditRead = "AUDIT_READ", "See the audit log";
    /// See statistics of executions.
    AnalyticsRead = "ANALYTICS_READ", "See statistics";
    /// See workers, queues and the health of the installation.
    OperationsRead = "OPERATIONS_READ", "See operations";
    /// Drain workers, repair what is damaged.
    OperationsWrite = "OPERATIONS_WRITE", "Run operations";
    /// Use model features.
    AiUse = "AI_USE", "Use models";
    /// Edit outgoing and incoming webhooks.
    WebhookWrite = "WEBHOOK_WRITE", "Edit webhooks";
}

impl Permission {
    /// The permission with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    /// What it is about, such as `workflow`: the first word of its name, in lower case.
    #[must_use]
    pub fn group(self) -> String {
        self.name().split('_').next().unwrap_or_default().to_ascii_lowercase()
    }

    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);

    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether everything in `others` is in the set.
    #[must_use]
    pub const fn contains_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The permissions in the set, in their order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }

    /// As a JSON list of names, as roles and keys are stored.
    #[must_use]
    pub fn to_json(self) -> String {
        let names: Vec<&str> = self.iter().map(Permission::name).collect();
        serde_json::to_string(&names).expect("texts are JSON")
    }

    /// Out of a stored JSON list of names. A name that this release does not know grants nothing.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        // What cannot be read grants nothing: refusing is safe, guessing is not.
        let Ok(names) = serde_json::from_str::<Vec<String>>(text) else { return Self::NONE };
        names.iter().filter_map(|name| Permission::parse(name)).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_a_bit_and_a_name_of_its_own() {
        assert!(Permission::ALL.len() <= 64);
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.name()), Some(*permission));
        }
        assert_eq!(Permission::parse("workflow_read"), None);
    }

    #[test]
    fn a_set_survives_being_stored_and_grants_nothing_that_is_unknown() {
        let set: Permissions = [Permission::EventEmit, Permission::WorkflowRead].into_iter().collect();
        assert_eq!(Permissions::from_json(&set.to_json()), set);
        assert_eq!(Permissions::from_json(r#"["FLY","WORKFLOW_READ"]"#).iter().count(), 1);
        assert_eq!(Permissions::from_json("not json"), Permissions::NONE);
    }
}
