//! Three tenants who call everything the same: each sees and changes its own rows, by every method.
//!
//! The methods are read out of the source, so a new one fails here until it has its case.

/// Calls a method of the store and notes its name.
macro_rules! ask {
    ($asked:ident, $store:expr, $method:ident($($argument:expr),* $(,)?)) => {{
        $asked.insert(stringify!($method));
        $store.$method($($argument),*).await.unwrap()
    }};
}

mod approvals;
mod bulk;
mod methods;
mod parts;
mod people;
mod providers;
mod rules;
mod statistics;
mod timed;
mod versions;
mod webhooks;

use std::collections::BTreeSet;

use ids::{
    ApprovalId, BulkOperationId, ErrorGroupId, EventId, ExecutionId, HookId, IdentityProviderId, MembershipId,
    OrganizationId, RoleId, RuleId, ScheduleId, UserId, WebhookDeliveryId, WebhookEndpointId, WorkerId, WorkflowId,
    WorkflowVersionId,
};
use serde_json::json;
use store::{
    ChangeCursor, EventCursor, EventFilter, EventOrder, EventOutcome, ExecutionFilter, ExecutionOrder, MembershipRow,
    NewEvent, NewExecution, NewSignal, NewSlot, NewVersion, NewWorkflow, PageRequest, PublishOutcome, Retention,
    RetentionScope, RoutedEvent, SlotKey, StartOutcome, Sweep, TenantWall, ToldRow, WaitRow, WorkflowFilter,
    WorkflowOrder,
};

use self::methods::methods;
use self::parts::Parts;
use self::people::People;
use self::providers::{provider, provider_row};
use crate::events::new_event;
use crate::harness::{Database, completed, label, new_execution, start_key};
use crate::hooks::hook;
use crate::identity::person;
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow, trigger};

/// Names of methods that were called.
type Asked = BTreeSet<&'static str>;

/// One tenant, and what it has.
struct Tenant {
    id: OrganizationId,
    /// Stands in every text of its own.
    canary: String,
    workflow: WorkflowId,
    version: WorkflowVersionId,
    hook: HookId,
    event: EventId,
    /// It waits for an event, and was told something.
    execution: ExecutionId,
    /// It has ended.
    ended: ExecutionId,
    provider: IdentityProviderId,
    /// Made known by the provider.
    newcomer: UserId,
    people: People,
    parts: Parts,
    schedule: ScheduleId,
    rule: RuleId,
    /// It waits for a second voice.
    approval: ApprovalId,
    error_group: ErrorGroupId,
    operation: BulkOperationId,
    /// It starts something.
    starting: BulkOperationId,
    address: (WebhookEndpointId, WebhookDeliveryId),
}

/// Who belongs to every tenant.
struct Person(UserId);

async fn tenant(database: &Database, asked: &mut Asked, slug: &str, person: &Person) -> Tenant {
    let store = &database.store;
    let id = store.ensure_organization(slug, slug, database.now()).await.unwrap();
    let canary = format!("canary-{slug}");
    let described = |workflow: NewWorkflow| NewWorkflow {
        organization_id: id,
        name: canary.clone(),
        description: Some(canary.clone()),
        actor: canary.clone(),
        draft_source: canary.clone(),
        tags: vec![canary.clone()],
        ..workflow
    };
    let rule = rules::rule(asked, database, id, &canary).await;
    let parts = parts::parts(asked, database, id, &canary).await;
    let draft = ask!(asked, store, upsert_draft(described(new_workflow(database, "orders"))));
    let release = |workflow: WorkflowId| NewVersion {
        organization_id: id,
        source: canary.clone(),
        published_by: canary.clone(),
        rules: if workflow == draft.id { rules::uses(rule, &canary) } else { Vec::new() },
        parts: if workflow == draft.id { parts::names() } else { Vec::new() },
        hooks: if workflow == draft.id { vec![hook("same")] } else { Vec::new() },
        ..new_version(database, workflow)
    };
    let triggers = vec![trigger(0, "order.placed", true), trigger(1, "order.*", false)];
    let outcome = ask!(asked, store, publish(release(draft.id), triggers, Some(true), draft.revision));
    let PublishOutcome::Published { version, .. } = outcome else { panic!("{outcome:?}") };
    let called = ask!(asked, store, hook_at(id, "same", "POST")).unwrap().id;
    ask!(asked, store, set_hook_secret(id, called, canary.clone(), Some(i64::MAX), 1)).unwrap();
    let second = described(new_workflow(database, "returns"));
    ask!(asked, store, save_and_publish(second.clone(), release(second.id), Vec::new(), true));
    let event = NewEvent {
        organization_id: id,
        source: canary.clone(),
        payload: canary.clone(),
        deduplication_key: Some("same".to_owned()),
        ..new_event(database, "order.placed")
    };
    assert_eq!(ask!(asked, store, insert_event(event.clone())), EventOutcome::New(event.id), "{slug}");
    let known = EventOutcome::Existing { event_id: event.id, same_fingerprint: true };
    assert_eq!(ask!(asked, store, insert_events(vec![event.clone()])), [known], "{slug}");
    ask!(asked, store, note_told(id, event.id, &[]));
    let start = |key: &str| NewExecution {
        workflow_id: draft.id,
        version_id: version.id,
        key: Some("same".to_owned()),
        event_id: Some(event.id),
        input: canary.clone(),
        trigger: canary.clone(),
        events: canary.clone(),
        started_by: canary.clone(),
        labels: vec![label("team", "same"), label("canary", &canary)],
        start_key: start_key(key, "same"),
        ..new_execution(id, database.now())
    };
    let first = start("first");
    let second = NewExecution { rerun_of: Some(first.id), ..start("second") };
    let (execution, ended) = (first.id, second.id);
    assert_eq!(ask!(asked, store, start(first)), StartOutcome::New { seq: 1 }, "{slug}");
    let many = ask!(asked, store, start_many(vec![second]));
    assert!(many.iter().all(|one| matches!(one, Ok(StartOutcome::New { .. }))), "{slug}: {many:?}");
    let told = ToldRow { execution, is_fitting: true };
    store.note_told(id, event.id, &[told]).await.unwrap();
    let worker = WorkerId::new();
    for claimed in store.claim(worker, &[execution, ended], database.now()).await.unwrap() {
        let patch = if claimed.id == ended {
            store::Patch::Ended(completed())
        } else {
            let (status, state) = (store::ExecutionStatus::Waiting, canary.clone());
            store::Patch::Parked { status, state, waits: vec![awaited(&canary)], wake_at_ms: None, paused_at_ms: None }
        };
        ask!(asked, store, commit(database.checkpoint(&claimed, worker, patch)));
    }
    ask!(asked, store, send_signals(vec![signal(id, execution, &canary)], database.now()));
    store.deliver_signals(&[execution], database.now()).await.unwrap();
    let slot = new_slot(id, execution, draft.id);
    assert!(ask!(asked, store, take_slot(&slot, true, "told", database.now())).is_taken, "{slug}");
    ask!(asked, store, set_retention(id, RetentionScope::Workflow(draft.id), Some(kept(1_000))));
    ask!(asked, store, keep_document(id, "same", &canary, 10, 1));
    join(asked, database, id, person, &canary).await;
    let (provider, newcomer) = provider(asked, database, id, slug, &canary).await;
    let people = people::people(asked, database, id, &canary).await;
    versions::created(asked, database, id, &canary).await;
    let schedule = timed::schedule(asked, database, id, &canary).await;
    let approval = approvals::approval(asked, database, id, &canary).await;
    let error_group = statistics::counted(database, id, &canary).await;
    let operation = bulk::operation(asked, database, id, &canary).await;
    let starting = bulk::starting(asked, database, id, &canary).await;
    let address = webhooks::address(asked, database, id, &canary).await;
    let (workflow, version, event) = (draft.id, version.id, event.id);
    Tenant {
        id,
        canary,
        workflow,
        version,
        hook: called,
        event,
        execution,
        ended,
        provider,
        newcomer,
        people,
        parts,
        schedule,
        rule,
        approval,
        address,
        error_group,
        operation,
        starting,
    }
}

/// A wait for an event.
fn awaited(canary: &str) -> WaitRow {
    WaitRow {
        step_path: "wait".to_owned(),
        kind: "event".to_owned(),
        event: Some("order.paid".to_owned()),
        correlation: Some("same".to_owned()),
        keys: Some(canary.to_owned()),
        target: Some("same".to_owned()),
        ..WaitRow::default()
    }
}

/// A place among the executions of one key.
fn new_slot(organization_id: OrganizationId, execution_id: ExecutionId, workflow_id: WorkflowId) -> NewSlot {
    let key = SlotKey { workflow_id, key: "same".to_owned() };
    NewSlot { execution_id, organization_id, key, priority: 5, slots: 1 }
}

/// Makes somebody a member.
async fn join(asked: &mut Asked, database: &Database, organization: OrganizationId, person: &Person, canary: &str) {
    let membership = MembershipRow {
        id: MembershipId::new(),
        organization_id: organization,
        user_id: person.0,
        role_id: RoleId::new(),
        invited_by: Some(canary.to_owned()),
        joined_at_ms: 1,
    };
    ask!(asked, database.store, insert_membership(membership));
}

fn signal(organization: OrganizationId, execution: ExecutionId, data: &str) -> NewSignal {
    NewSignal { organization_id: organization, execution_id: execution, data: data.to_owned() }
}

const fn kept(ms: i64) -> Retention {
    Retention { completed_ms: Some(ms), failed_ms: Some(ms), cancelled_ms: Some(ms) }
}

fn from_the_start() -> ChangeCursor {
    serde_json::from_str(r#"{"x":0,"p":0}"#).unwrap()
}

/// PostgreSQL shows changes once no older transaction of the server can bring another one before them.
async fn all_changes_are_shown(database: &Database, of: OrganizationId) {
    let (store, everything) = (&database.store, ExecutionFilter::default());
    let page = store.executions(of, &everything, ExecutionOrder::default(), &PageRequest::first(100)).await.unwrap();
    let written: i32 = page.rows.iter().map(|(_, row)| row.seq).sum();
    while store.changes_after(of, &from_the_start(), 100).await.unwrap().len() < usize::try_from(written).unwrap() {
        tokio::task::yield_now().await;
    }
}

/// Everything that `organization` can find out, asking for the things of `all` by id and by name.
async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant], who: &Person) -> String {
    let store = &database.store;
    let mut seen = Vec::new();
    let mut note = |answer: String| seen.push(answer);
    let (executions, events): (Vec<ExecutionId>, Vec<EventId>) =
        (all.iter().flat_map(|one| [one.execution, one.ended]).collect(), all.iter().map(|one| one.event).collect());
    let (workflows, versions): (Vec<WorkflowId>, Vec<WorkflowVersionId>) =
        (all.iter().map(|one| one.workflow).collect(), all.iter().map(|one| one.version).collect());
    let page = PageRequest::first(100);
    for id in &executions {
        note(format!("{:?}", ask!(asked, store, execution(of, *id))));
        note(format!("{:?}", ask!(asked, store, journal(of, *id, 0, 100))));
        note(format!("{:?}", ask!(asked, store, signals(of, *id))));
        note(format!("{:?}", ask!(asked, store, recorded_state(of, *id))));
        note(format!("{:?}", ask!(asked, store, rests_untold(of, *id, "same"))));
        note(format!("{:?}", ask!(asked, store, is_forsaken(of, *id))));
        note(format!("{:?}", ask!(asked, store, forsaken_children(of, *id, None, 100))));
    }
    for id in &events {
        note(format!("{:?}", ask!(asked, store, event(of, *id))));
        note(format!("{:?}", ask!(asked, store, executions_of_event(of, *id, 100))));
        note(format!("{:?}", ask!(asked, store, told(of, *id, &page)).rows));
        note(format!("{:?}", ask!(asked, store, count_told(of, *id))));
    }
    for id in &workflows {
        note(format!("{:?}", ask!(asked, store, workflow(of, *id))));
        note(format!("{:?}", ask!(asked, store, version_by_number(of, *id, 1))));
        note(format!("{:?}", ask!(asked, store, versions(of, *id, &page))));
    }
    for id in &versions {
        note(format!("{:?}", ask!(asked, store, version(of, *id))));
    }
    let everything = ExecutionFilter::default();
    note(format!("{:?}", ask!(asked, store, executions_by_ids(of, &executions))));
    note(format!("{:?}", ask!(asked, store, executions(of, &everything, ExecutionOrder::default(), &page))));
    note(format!("{:?}", ask!(asked, store, count_executions(of, &everything))));
    note(format!("{:?}", ask!(asked, store, filter_executions(of, &executions, &everything))));
    note(format!("{:?}", ask!(asked, store, executions_of_events(of, &events, 100))));
    note(format!("{:?}", ask!(asked, store, journals(of, &executions, 100))));
    note(format!("{:?}", ask!(asked, store, changes_after(of, &from_the_start(), 100))));
    ask!(asked, store, current_change_cursor(of));
    note(format!("{:?}", ask!(asked, store, event_waits(of, "order.paid", None, 0, 100))));
    let correlations = ["same".to_owned()];
    note(format!("{:?}", ask!(asked, store, event_waits(of, "order.paid", Some(&correlations), 0, 100))));
    note(format!("{:?}", ask!(asked, store, waking(of, &executions))));
    let first = EventId::from_uuid(ids::uuid::Uuid::nil());
    note(format!("{:?}", ask!(asked, store, events_after(of, None, None, first, 0, 100))));
    note(format!("{:?}", ask!(asked, store, events_by_ids(of, &events))));
    let nothing: EventCursor = serde_json::from_value(json!({ "x": 0, "p": 0, "e": first.uuid() })).unwrap();
    note(format!("{:?}", ask!(asked, store, event_arrivals_after(of, &nothing, 100))));
    ask!(asked, store, current_event_cursor(of));
    note(format!("{:?}", ask!(asked, store, filter_events(of, &events, &EventFilter::default()))));
    note(format!("{:?}", ask!(asked, store, events(of, &EventFilter::default(), EventOrder::default(), &page))));
    note(format!("{:?}", ask!(asked, store, count_events(of, &EventFilter::default()))));
    note(format!("{:?}", ask!(asked, store, triggers_for(of, "order.placed"))));
    note(format!("{:?}", ask!(asked, store, workflow_by_slug(of, "orders"))));
    note(format!("{:?}", ask!(asked, store, workflows_by_ids(of, &workflows))));
    note(format!(
        "{:?}",
        ask!(asked, store, workflows(of, &WorkflowFilter::default(), WorkflowOrder::default(), &page))
    ));
    note(format!("{:?}", ask!(asked, store, count_workflows(of, &WorkflowFilter::default()))));
    note(format!("{:?}", ask!(asked, store, versions_by_ids(of, &versions))));
    note(format!("{:?}", ask!(asked, store, retentions(of, &workflows))));
    note(format!("{:?}", ask!(asked, store, membership_of(of, who.0))));
    note(format!("{:?}", ask!(asked, store, persisted_document(of, "same"))));
    // A hook is shown without its secrets.
    let told = |hook: Option<store::HookRow>| format!("{:?}", hook.map(|hook| (hook.id, hook.secret)));
    note(told(ask!(asked, store, hook_at(of, "same", "POST"))));
    let hooks = ask!(asked, store, hooks(of, None, &page)).rows;
    for (_, hook) in hooks {
        note(told(Some(hook)));
    }
    note(format!("{:?}", ask!(asked, store, count_hooks(of, None))));
    for one in all {
        note(told(ask!(asked, store, hook(of, one.hook))));
        note(format!("{:?}", ask!(asked, store, identity_provider(of, one.provider))));
        note(format!("{:?}", store.membership_of(of, one.newcomer).await.unwrap()));
    }
    note(format!("{:?}", ask!(asked, store, identity_providers(of))));
    seen.extend(Box::pin(versions::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(timed::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(rules::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(parts::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(approvals::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(statistics::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(bulk::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(webhooks::picture(database, asked, of, all)).await);
    seen.extend(Box::pin(people::picture(database, asked, of, all)).await);
    seen.join("\n")
}

/// What `intruder` can do to the things of `victim` by naming them.
async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let store = &database.store;
    let now_ms = database.now();
    let own = intruder.id;
    let switched = ask!(asked, store, set_enabled(own, victim.workflow, false, Some("mine now".to_owned()), now_ms));
    assert_eq!(switched, None);
    ask!(asked, store, mark_routed(own, victim.event, "[]", "|started|", now_ms));
    let routed = RoutedEvent { id: victim.event, matches: "[]".to_owned(), outcomes: String::new() };
    ask!(asked, store, mark_all_routed(own, &[routed], now_ms));
    ask!(asked, store, set_retention(own, RetentionScope::Workflow(victim.workflow), Some(kept(1))));
    ask!(asked, store, set_retention(own, RetentionScope::Workflow(victim.workflow), None));
    let version = NewVersion { organization_id: own, ..new_version(database, victim.workflow) };
    assert_eq!(ask!(asked, store, publish(version, Vec::new(), Some(true), 2)), PublishOutcome::RevisionMovedOn);
    let (workflow, retention) = (victim.workflow, kept(1));
    let swept =
        ask!(asked, store, sweep(&Sweep { organization: own, workflow, retention, after: None }, i64::MAX / 2, 100));
    assert_eq!(swept.deleted, 0);
    let (execution_id, events) = (victim.execution, "[]".to_owned());
    let ended = store::Ruled::Ended(completed());
    let (what, sends) = (ended, Vec::new());
    let ruling = store::Ruling { organization_id: own, execution_id, seq: 2, events, at_ms: now_ms, what, sends };
    assert_eq!(ask!(asked, store, rule(&ruling)), None);
    assert!(!ask!(asked, store, delete_execution(own, victim.ended)));
    let labels = [label("team", "mine now")];
    let changed = ask!(asked, store, change_labels(own, victim.execution, &labels, &[], 32));
    assert_eq!(changed, store::LabelsOutcome::NotFound);
    ask!(asked, store, put_identity_provider(provider_row(victim.provider, own, "mine now")));
    assert!(ask!(asked, store, set_hook_secret(own, victim.hook, "mine now".to_owned(), None, now_ms)).is_none());
    let (kept, role) = (RoleId::new(), RoleId::new());
    assert!(!ask!(asked, store, follow_provider(own, victim.newcomer, victim.provider, kept, role)));
    assert!(!ask!(asked, store, leave_provider(own, victim.newcomer, victim.provider, kept)));
    assert!(!ask!(asked, store, delete_identity_provider(own, victim.provider)));
    versions::intrude(database, asked, intruder, victim).await;
    timed::intrude(database, asked, intruder, victim).await;
    rules::intrude(database, asked, intruder, victim).await;
    parts::intrude(database, asked, intruder, victim).await;
    people::intrude(database, asked, intruder, victim).await;
    approvals::intrude(database, asked, intruder, victim).await;
    statistics::intrude(database, asked, intruder, victim).await;
    bulk::intrude(database, asked, intruder, victim).await;
    webhooks::intrude(database, asked, intruder, victim).await;
}

on_both_databases! {
    async fn three_tenants_that_call_everything_the_same_see_and_change_their_own(database: &Database) {
        let mut asked = Asked::new();
        let ada = person("ada@example.com");
        database.store.insert_user(ada.clone(), None).await.unwrap();
        let ada = Person(ada.id);
        let mut tenants = Vec::new();
        for slug in ["ant", "bee", "cat"] {
            tenants.push(tenant(database, &mut asked, slug, &ada).await);
        }
        let mut before = Vec::new();
        for one in &tenants {
            all_changes_are_shown(database, one.id).await;
        }
        for one in &tenants {
            let own = Box::pin(picture(database, &mut asked, one.id, &tenants, &ada)).await;
            assert!(own.contains(&one.canary), "it sees its own");
            for other in tenants.iter().filter(|other| other.id != one.id) {
                let foreign = [
                    other.canary.clone(), other.id.to_string(), other.workflow.to_string(), other.version.to_string(),
                    other.event.to_string(), other.execution.to_string(), other.ended.to_string(),
                    other.provider.to_string(), other.newcomer.to_string(), other.schedule.to_string(),
                    other.approval.to_string(), other.rule.to_string(), other.error_group.to_string(),
                    other.approval.to_string(), other.operation.to_string(),
                    other.address.0.to_string(), other.address.1.to_string(),
                ];
                for text in foreign.into_iter().chain(other.people.texts()).chain(other.parts.texts()) {
                    assert!(!own.contains(&text), "{} sees `{text}` of {}: {own}", one.canary, other.canary);
                }
            }
            before.push(own);
        }
        for intruder in &tenants {
            for victim in tenants.iter().filter(|victim| victim.id != intruder.id) {
                intrude(database, &mut asked, intruder, victim).await;
            }
        }
        for (one, before) in tenants.iter().zip(before) {
            let after = Box::pin(picture(database, &mut asked, one.id, &tenants, &ada)).await;
            assert_eq!(after, before, "nobody else changed anything of {}", one.canary);
        }
        // Whoever tells an execution of another tenant wakes nobody.
        let [ant, bee, _cat] = &tenants[..] else { panic!("there are three") };
        let seen = database.store.execution(bee.id, bee.execution).await.unwrap();
        database.store.send_signals(vec![signal(ant.id, bee.execution, "forged")], 1).await.unwrap();
        let delivered = database.store.deliver_signals(&[bee.execution], 1).await.unwrap();
        assert_eq!(delivered, store::Delivered::default(), "nobody was told");
        assert_eq!(database.store.execution(bee.id, bee.execution).await.unwrap(), seen);
        if database.is_postgresql() {
            // With a second wall that lets nothing through, no method finds anything: all of them read behind it.
            database.damage(CLOSE_THE_WALL).await;
            for one in &tenants {
                let nothing = Box::pin(picture(database, &mut asked, one.id, &tenants, &ada)).await;
                assert!(!nothing.contains("canary"), "{} was read past the wall: {nothing}", one.canary);
            }
            database.damage(OPEN_THE_WALL).await;
        }
        // What ends for one goes on for the others.
        database.store.mark_routed(ant.id, ant.event, "[]", "|started|", 1).await.unwrap();
        assert_eq!(ask!(asked, database.store, sweep_events(ant.id, i64::MAX / 2, 100)), 1);
        assert!(database.store.event(bee.id, bee.event).await.unwrap().is_some());
        statistics::forgotten(database, ant, bee).await;
        people::cut(database, &mut asked, ant, bee).await;
        let missing: Vec<String> = methods().into_iter().filter(|name| !asked.contains(name.as_str())).collect();
        assert_eq!(missing, Vec::<String>::new(), "these take an organization: call them above, for three tenants");
    }
}

const CLOSE_THE_WALL: &str = "do $$ declare one record; begin for one in select polrelid::regclass as name from pg_policy \
     where polname = 'tenant' loop execute format('alter policy tenant on %s using (false)', one.name); end loop; end $$";
const OPEN_THE_WALL: &str = "do $$ declare one record; begin for one in select polrelid::regclass as name from pg_policy \
     where polname = 'tenant' loop execute format('alter policy tenant on %s using (true)', one.name); end loop; end $$";

#[tokio::test]
async fn an_organization_sees_itself_alone_and_sqlite_offers_no_wall() {
    let database = Database::sqlite().await;
    let row = database.store.organization(database.organization).await.unwrap();
    assert_eq!(row.map(|row| row.id), Some(database.organization));
    assert_eq!(database.store.tenant_wall().await.unwrap(), TenantWall::NotOffered);
    database.end().await;
}
