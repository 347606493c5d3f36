//! The roles that every organization has. They are constants: no row, no change, no removal.

use ids::RoleId;
use ids::uuid::Uuid;

use crate::permission::{Permission, Permissions};

/// A role that every organization has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltInRole {
    /// Everything.
    Owner,
    /// Everything but the organization itself.
    Admin,
    /// Workflows, their executions, schedules and rules.
    WorkflowManager,
    /// Looking at all that.
    WorkflowViewer,
    /// Deciding approvals.
    Approver,
    /// Starting executions and sending events, without seeing their data.
    Agent,
}

impl BuiltInRole {
    /// Every one, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Admin, Self::WorkflowManager, Self::WorkflowViewer, Self::Approver, Self::Agent];

    /// Its id, the same in every organization and installation.
    #[must_use]
    pub const fn id(self) -> RoleId {
        RoleId::from_uuid(Uuid::from_u128(match self {
            Self::Owner => 1,
            Self::Admin => 2,
            Self::WorkflowManager => 3,
            Self::WorkflowViewer => 4,
            Self::Approver => 5,
            Self::Agent => 6,
        }))
    }

    /// Name in definitions: `role:NAME`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::WorkflowManager => "workflow_manager",
            Self::WorkflowViewer => "workflow_viewer",
            Self::Approver => "approver",
            Self::Agent => "agent",
        }
    }

    /// What it is for.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Owner => "Everything, the organization itself included.",
            Self::Admin => "Everything but changing and deleting the organization.",
            Self::WorkflowManager => {
                "Writes, publishes and runs workflows, schedules and rules, and repairs executions."
            }
            Self::WorkflowViewer => "Looks at workflows, executions with their data, schedules, rules and statistics.",
            Self::Approver => "Looks at executions and decides approvals, where they ask for them.",
            Self::Agent => "Starts executions and sends events, without seeing payloads and outputs.",
        }
    }

    /// The role with this id.
    #[must_use]
    pub fn by_id(id: RoleId) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// The role with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it allows.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        use Permission as P;
        match self {
            Self::Owner => Permissions::all(),
            Self::Admin => Permissions::all().without([P::OrganizationWrite].into_iter().collect()),
            Self::WorkflowManager => [
                P::WorkflowRead,
                P::WorkflowWrite,
                P::WorkflowPublish,
                P::WorkflowDelete,
                P::ExecutionRead,
                P::ExecutionDataRead,
                P::ExecutionStart,
                P::ExecutionControl,
                P::ExecutionRepair,
                P::EventRead,
                P::ApprovalRead,
                P::ScheduleRead,
                P::ScheduleWrite,
                P::RuleRead,
                P::RuleWrite,
                P::ServiceRead,
                P::MemberRead,
                P::AnalyticsRead,
                P::AiUse,
            ]
            .into_iter()
            .collect(),
            Self::WorkflowViewer => [
                P::WorkflowRead,
                P::ExecutionRead,
                P::ExecutionDataRead,
                P::EventRead,
                P::ApprovalRead,
                P::ScheduleRead,
                P::RuleRead,
                P::ServiceRead,
                P::MemberRead,
                P::AnalyticsRead,
            ]
            .into_iter()
            .collect(),
            Self::Approver => {
                [P::ExecutionRead, P::ExecutionDataRead, P::ApprovalRead, P::ApprovalDecide, P::MemberRead]
                    .into_iter()
                    .collect()
            }
            Self::Agent => {
                [P::ExecutionRead, P::ExecutionStart, P::EventRead, P::EventEmit, P::AiUse].into_iter().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_in_role_is_found_by_its_id_and_its_name() {
        for role in BuiltInRole::ALL {
            assert_eq!(BuiltInRole::by_id(role.id()), Some(role));
            assert_eq!(BuiltInRole::by_name(role.name()), Some(role));
        }
        assert_eq!(BuiltInRole::by_id(RoleId::new()), None);
    }

    #[test]
    fn only_an_owner_may_change_the_organization() {
        let may: Vec<_> = BuiltInRole::ALL
            .into_iter()
            .filter(|role| role.permissions().contains(Permission::OrganizationWrite))
            .collect();
        assert_eq!(may, [BuiltInRole::Owner]);
    }

    #[test]
    fn an_agent_sees_no_data() {
        let agent = BuiltInRole::Agent.permissions();
        assert!(!agent.contains(Permission::ExecutionDataRead) && !agent.contains(Permission::WorkflowRead));
    }

    #[test]
    fn the_documentation_has_the_table_of_roles_and_permissions() {
        let names = BuiltInRole::ALL.map(|role| format!("`{}`", role.name()));
        let mut expected = format!("| permission | allows | {} |\n|---|---|{}\n", names.join(" | "), ":-:|".repeat(6));
        for permission in Permission::ALL {
            let held = BuiltInRole::ALL.map(|role| if role.permissions().contains(*permission) { "✓" } else { "" });
            let row = format!("| `{}` | {} | {} |\n", permission.name(), permission.description(), held.join(" | "));
            expected.push_str(&row);
        }
        let page = include_str!("../../../docs/permissions.md");
        assert!(page.contains(&expected), "docs/permissions.md must have this table:\n\n{expected}");
    }
}
