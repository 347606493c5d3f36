//! Rules of the three tenants.

use ids::{OrganizationId, RuleId};
use store::{NewRuleUse, PageRequest, RuleChange, RuleFilter, RuleInserted, RuleRow};

use super::{Asked, Tenant};
use crate::harness::Database;
use crate::rules::rule as new_rule;

fn row(organization: OrganizationId, canary: &str) -> RuleRow {
    RuleRow {
        name: canary.to_owned(),
        description: Some(canary.to_owned()),
        definition: canary.to_owned(),
        input_schema: Some(canary.to_owned()),
        created_by: canary.to_owned(),
        updated_by: canary.to_owned(),
        ..new_rule(organization, "same")
    }
}

pub async fn rule(asked: &mut Asked, database: &Database, id: OrganizationId, canary: &str) -> RuleId {
    let store = &database.store;
    let inserted = ask!(asked, store, insert_rule(row(id, canary)));
    let RuleInserted::New(row) = inserted else { panic!("the same slug is another one elsewhere: {inserted:?}") };
    row.id
}

/// Where the published version of a tenant names its rule.
pub fn uses(rule_id: RuleId, canary: &str) -> Vec<NewRuleUse> {
    vec![NewRuleUse { rule_id, step: canary.to_owned(), pointer: canary.to_owned() }]
}

pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let (store, page) = (&database.store, PageRequest::first(100));
    let ids: Vec<RuleId> = all.iter().map(|one| one.rule).collect();
    let everything = RuleFilter::default();
    let versions: Vec<(RuleId, i32)> = ids.iter().map(|id| (*id, 1)).collect();
    let mut seen = vec![
        format!("{:?}", ask!(asked, store, rules_by_ids(of, &ids))),
        format!("{:?}", ask!(asked, store, rules_by_slugs(of, &["same".to_owned()]))),
        format!("{:?}", ask!(asked, store, rule_slugs(of, 100))),
        format!("{:?}", ask!(asked, store, rules(of, &everything, &page))),
        format!("{:?}", ask!(asked, store, count_rules(of, &everything))),
        format!("{:?}", ask!(asked, store, rule_versions(of, &versions))),
    ];
    for id in ids {
        seen.push(format!("{:?}", ask!(asked, store, rule_uses(of, id, 100))));
    }
    seen
}

pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let (store, own) = (&database.store, intruder.id);
    let mine = RuleRow { id: victim.rule, version: 2, ..row(own, "mine now") };
    assert_eq!(ask!(asked, store, save_rule(mine, 1)), None);
    assert_eq!(ask!(asked, store, switch_rule(own, victim.rule, false, "mine now", 1)), RuleChange::Absent);
    assert_eq!(ask!(asked, store, delete_rule(own, victim.rule)), RuleChange::Absent);
}
