//! Rules: their contents, what published versions name of them, and who may not be left without.

use ids::{OrganizationId, RuleId};
use store::{
    NewExecution, NewRuleUse, NewVersion, PageRequest, RULE_UNUSABLE, RuleChange, RuleFilter, RuleInserted, RuleKind,
    RuleRow, StoreError, StringFilter, WorkflowFilter, WorkflowOrder,
};

use crate::harness::Database;
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow};

pub fn rule(organization_id: OrganizationId, slug: &str) -> RuleRow {
    RuleRow {
        id: RuleId::new(),
        organization_id,
        slug: slug.to_owned(),
        name: slug.to_uppercase(),
        description: None,
        kind: RuleKind::Condition,
        definition: "true".to_owned(),
        input_schema: None,
        version: 1,
        is_enabled: true,
        revision: 1,
        created_at_ms: 1,
        created_by: "usr_test".to_owned(),
        updated_at_ms: 1,
        updated_by: "usr_test".to_owned(),
    }
}

async fn kept(database: &Database, row: RuleRow) -> RuleRow {
    match database.store.insert_rule(row).await.unwrap() {
        RuleInserted::New(row) => row,
        refused => panic!("{refused:?}"),
    }
}

/// Publishes the workflow `slug`, which names `rules` and no others.
async fn published(database: &Database, slug: &str, rules: &[&RuleRow]) -> Result<store::WorkflowRow, StoreError> {
    let workflow = new_workflow(database, slug);
    let uses = rules.iter().enumerate().map(|(index, rule)| NewRuleUse {
        rule_id: rule.id,
        step: format!("step{index}"),
        pointer: format!("/steps/{index}/rule_id"),
    });
    let version = NewVersion { rules: uses.collect(), ..new_version(database, workflow.id) };
    database.store.save_and_publish(workflow, version, Vec::new(), true).await
}

on_both_databases! {
    async fn a_slug_is_taken_once_and_each_definition_is_a_version(database: &Database) {
        let store = &database.store;
        let first = kept(database, rule(database.organization, "large")).await;
        let again = store.insert_rule(rule(database.organization, "large")).await.unwrap();
        assert_eq!(again, RuleInserted::SlugTaken);
        let nobody = store.insert_rule(rule(OrganizationId::new(), "large")).await.unwrap();
        assert_eq!(nobody, RuleInserted::NoOrganization);
        let renamed = RuleRow { name: "Large order".to_owned(), updated_at_ms: 2, ..first.clone() };
        let renamed = store.save_rule(renamed, 1).await.unwrap().unwrap();
        assert_eq!((renamed.revision, renamed.version, renamed.slug.as_str()), (2, 1, "large"));
        let changed = RuleRow { definition: "false".to_owned(), version: 2, ..renamed.clone() };
        let changed = store.save_rule(changed, 2).await.unwrap().unwrap();
        assert_eq!((changed.revision, changed.version), (3, 2));
        assert_eq!(store.save_rule(changed.clone(), 2).await.unwrap(), None, "somebody was faster");
        let wanted = [(first.id, 1), (first.id, 2), (first.id, 3)];
        let versions = store.rule_versions(database.organization, &wanted).await.unwrap();
        let mut contents: Vec<_> = versions.iter().map(|row| (row.number, row.definition.as_str())).collect();
        contents.sort_unstable();
        assert_eq!(contents, [(1, "true"), (2, "false")], "the one that only got a name stays");
        assert_eq!(store.rules_by_slugs(database.organization, &["large".to_owned()]).await.unwrap(), [changed]);
    }

    async fn rules_are_found_by_kind_state_and_name_newest_first(database: &Database) {
        let store = &database.store;
        let of = |slug: &str, kind| RuleRow { kind, ..rule(database.organization, slug) };
        let large = kept(database, of("large", RuleKind::Condition)).await;
        kept(database, of("complete", RuleKind::Validation)).await;
        kept(database, of("tier", RuleKind::Enrichment)).await;
        store.switch_rule(database.organization, large.id, false, "usr_test", 5).await.unwrap();
        let slugs = async |filter: RuleFilter| {
            let page = store.rules(database.organization, &filter, &PageRequest::first(10)).await.unwrap();
            let count = store.count_rules(database.organization, &filter).await.unwrap();
            assert_eq!(count, (page.rows.len() as u64, true));
            page.rows.into_iter().map(|(_, row)| row.slug).collect::<Vec<_>>()
        };
        assert_eq!(slugs(RuleFilter::default()).await, ["tier", "complete", "large"]);
        let kinds = vec![RuleKind::Condition, RuleKind::Enrichment];
        assert_eq!(slugs(RuleFilter { kinds, ..RuleFilter::default() }).await, ["tier", "large"]);
        assert_eq!(slugs(RuleFilter { is_enabled: Some(false), ..RuleFilter::default() }).await, ["large"]);
        let name = Some(StringFilter { contains: Some("MPL".to_owned()), ..StringFilter::default() });
        assert_eq!(slugs(RuleFilter { name, ..RuleFilter::default() }).await, ["complete"]);
        assert_eq!(store.rule_slugs(database.organization, 2).await.unwrap(), ["complete", "large"]);
    }

    async fn a_rule_that_a_published_version_names_stays_and_stays_enabled(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let used = kept(database, rule(organization, "used")).await;
        let other = kept(database, rule(organization, "other")).await;
        let orders = published(database, "orders", &[&used, &used, &other]).await.unwrap();
        published(database, "returns", &[&used]).await.unwrap();
        let uses = store.rule_uses(organization, used.id, 10).await.unwrap();
        assert_eq!(uses.len(), 3);
        assert_eq!((uses[0].step.as_str(), uses[0].pointer.as_str()), ("step0", "/steps/0/rule_id"));
        assert_eq!(store.rule_uses(organization, used.id, 1).await.unwrap().len(), 1);
        let filter = WorkflowFilter { uses_rule: Some(other.id), ..WorkflowFilter::default() };
        let page = store.workflows(organization, &filter, WorkflowOrder::default(), &PageRequest::first(10)).await.unwrap();
        assert_eq!(page.rows.iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [orders.id]);
        assert_eq!(store.delete_rule(organization, used.id).await.unwrap(), RuleChange::InUse);
        let off = store.switch_rule(organization, used.id, false, "usr_test", 5).await.unwrap();
        assert_eq!(off, RuleChange::InUse);
        assert_eq!(store.rules_by_ids(organization, &[used.id]).await.unwrap(), std::slice::from_ref(&used), "nothing was done");
        published(database, "orders", &[&other]).await.unwrap();
        published(database, "returns", &[]).await.unwrap();
        let off = store.switch_rule(organization, used.id, false, "usr_ada", 5).await.unwrap();
        let RuleChange::Done(off) = off else { panic!("{off:?}") };
        assert_eq!((off.is_enabled, off.revision, off.version, off.updated_by.as_str()), (false, 2, 1, "usr_ada"));
        assert_eq!(store.delete_rule(organization, used.id).await.unwrap(), RuleChange::Done(()));
        assert_eq!(store.delete_rule(organization, used.id).await.unwrap(), RuleChange::Absent);
        let versions = store.rule_versions(organization, &[(used.id, 1)]).await.unwrap();
        assert_eq!(versions.len(), 1, "executions that began with it go on");
    }

    async fn a_version_is_not_published_with_a_rule_that_is_off_or_gone(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let off = kept(database, rule(organization, "off")).await;
        store.switch_rule(organization, off.id, false, "usr_test", 5).await.unwrap();
        let gone = rule(organization, "gone");
        for rule in [&off, &gone] {
            let refused = published(database, "orders", &[rule]).await;
            assert!(
                matches!(&refused, Err(StoreError::Conflict { constraint, .. }) if constraint == RULE_UNUSABLE),
                "{refused:?}"
            );
        }
        assert_eq!(store.workflow_by_slug(organization, "orders").await.unwrap(), None, "nothing was saved");
        let foreign = store.ensure_organization("foreign", "Foreign", 1).await.unwrap();
        let theirs = kept(database, rule(foreign, "theirs")).await;
        assert!(published(database, "orders", &[&theirs]).await.is_err(), "a rule of others is none");
    }

    async fn publishing_and_switching_off_at_once_leave_no_version_without_its_rule(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        for round in 0..10 {
            let used = kept(database, rule(organization, &format!("rule{round}"))).await;
            let slug = format!("flow{round}");
            let named = [&used];
            let (published, off) = tokio::join!(
                published(database, &slug, &named),
                store.switch_rule(organization, used.id, false, "usr_test", 5),
            );
            let is_off = matches!(off.unwrap(), RuleChange::Done(_));
            assert_ne!(published.is_ok(), is_off, "one of them counts");
        }
    }

    async fn an_execution_keeps_what_its_start_recorded_of_rules(database: &Database) {
        let pins = Some(r#"{"large":["rule_x",3]}"#.to_owned());
        let new = NewExecution { rules: pins.clone(), ..database.new_execution() };
        let id = database.started(new).await;
        let row = database.store.execution(database.organization, id).await.unwrap().unwrap();
        assert_eq!(row.rules, pins);
        let claimed = database.store.claim(ids::WorkerId::new(), &[id], database.now()).await.unwrap().remove(0);
        assert_eq!(claimed.rules, pins);
        let other = NewExecution { rules: pins.clone(), ..database.new_execution() };
        database.started(other).await;
        let next = database.store.claim_next(ids::WorkerId::new(), &["default".to_owned()], 5, database.now()).await.unwrap();
        assert_eq!(next.into_iter().map(|claimed| claimed.rules).collect::<Vec<_>>(), [pins]);
    }
}
