use ids::{EventId, ExecutionId, WorkerId};
use store::{
    ExecutionFilter, ExecutionOrder, ExecutionResult, ExecutionStatus, LabelFilter, MAX_NESTING, PageRequest,
    ScheduleRunRow, ScheduleRunState, StoreError, StringFilter, TimeFilter, TriggerType,
};

use crate::harness::{Database, EPOCH_MS, completed, failed, label};
use crate::on_both_databases;
use crate::schedules::{run_of, schedule};
use crate::workflows::new_workflow;

/// The executions that filters choose from, by name.
struct Sample {
    /// Queued, without key and labels.
    plain: ExecutionId,
    /// Running, key `Order-1`, labels `team=a`, `tier=1`.
    order: ExecutionId,
    /// Failed, key `order_2%`, label `team=b`, started by an event.
    other: ExecutionId,
    /// Completed, key `x'); --`, label `team=a`, of workflow `flow-9`.
    third: ExecutionId,
    event: EventId,
    workflow: ids::WorkflowId,
}

async fn sample(database: &Database) -> Sample {
    let plain = database.started(database.new_execution()).await;
    let mut new = database.new_execution();
    new.key = Some("Order-1".to_owned());
    new.labels = vec![label("team", "a"), label("tier", "1")];
    let order = database.started(new).await;
    database.store.claim(WorkerId::new(), &[order], 1).await.unwrap();
    let event = EventId::new();
    let mut new = database.new_execution();
    new.key = Some("order_2%".to_owned());
    new.labels = vec![label("team", "b")];
    new.trigger_type = TriggerType::Event;
    new.event_id = Some(event);
    let other = database.ended(new, failed()).await;
    let flow = database.store.upsert_draft(new_workflow(database, "flow-9")).await.unwrap();
    let mut new = database.new_execution();
    new.key = Some("x'); --".to_owned());
    new.labels = vec![label("team", "a")];
    new.workflow_id = flow.id;
    new.version_number = 3;
    new.started_by = String::from("usr_else");
    let third = database.ended(new, completed()).await;
    Sample { plain, order, other, third, event, workflow: flow.id }
}

/// What `filter` finds, oldest first; counting and filtering ids must agree.
async fn found(database: &Database, filter: &ExecutionFilter) -> Vec<ExecutionId> {
    let (store, organization) = (&database.store, database.organization);
    let page =
        store.executions(organization, filter, ExecutionOrder::default(), &PageRequest::last(100)).await.unwrap();
    let mut ids: Vec<_> = page.rows.into_iter().map(|(_, row)| row.id).collect();
    ids.sort_unstable();
    assert_eq!(store.count_executions(organization, filter).await.unwrap(), (ids.len() as u64, true));
    let mut fitting = store.filter_executions(organization, &ids, filter).await.unwrap();
    fitting.sort_unstable();
    assert_eq!(fitting, ids);
    ids
}

fn by_key(key: StringFilter) -> ExecutionFilter {
    ExecutionFilter { key: Some(key), ..ExecutionFilter::default() }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn by_label(label: LabelFilter) -> ExecutionFilter {
    ExecutionFilter { labels: vec![label], ..ExecutionFilter::default() }
}

on_both_databases! {
    async fn single_conditions_choose_what_they_say(database: &Database) {
        let it = sample(database).await;
        let all = || ExecutionFilter::default();
        let row = database.store.execution(database.organization, it.other).await.unwrap().unwrap();
        let cases = [
            (all(), vec![it.plain, it.order, it.other, it.third]),
            (ExecutionFilter { ids: Some(vec![it.third, it.plain]), ..all() }, vec![it.plain, it.third]),
            (ExecutionFilter { ids: Some(vec![]), ..all() }, vec![]),
            (ExecutionFilter { workflow_ids: Some(vec![it.workflow]), ..all() }, vec![it.third]),
            (ExecutionFilter { version_number: Some(3), ..all() }, vec![it.third]),
            (ExecutionFilter { started_by: text("usr_else"), ..all() }, vec![it.third]),
            (ExecutionFilter { statuses: Some(vec![ExecutionStatus::Failed]), ..all() }, vec![it.other]),
            (ExecutionFilter { statuses: Some(vec![ExecutionStatus::Failed, ExecutionStatus::Waiting]), ..all() }, vec![it.other]),
            (ExecutionFilter { statuses: Some(vec![ExecutionStatus::Running]), ..all() }, vec![it.order]),
            (ExecutionFilter { statuses: Some(vec![ExecutionStatus::Queued, ExecutionStatus::Completed]), ..all() }, vec![it.plain, it.third]),
            (ExecutionFilter { statuses: Some(vec![]), ..all() }, vec![]),
            (ExecutionFilter { results: Some(vec![ExecutionResult::Allowed]), ..all() }, vec![it.third]),
            (ExecutionFilter { trigger_types: Some(vec![TriggerType::Event]), ..all() }, vec![it.other]),
            (ExecutionFilter { event_id: Some(it.event), ..all() }, vec![it.other]),
            (ExecutionFilter { queued_at: Some(TimeFilter { gte: Some(row.queued_at_ms), ..TimeFilter::default() }), ..all() }, vec![it.other, it.third]),
            (ExecutionFilter { queued_at: Some(TimeFilter { lt: Some(row.queued_at_ms), ..TimeFilter::default() }), ..all() }, vec![it.plain, it.order]),
            (ExecutionFilter { ended_at: Some(TimeFilter { lte: row.ended_at_ms, ..TimeFilter::default() }), ..all() }, vec![it.other]),
            (ExecutionFilter { ended_at: Some(TimeFilter { gt: row.ended_at_ms, ..TimeFilter::default() }), ..all() }, vec![it.third]),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(database, &filter).await, expected, "{filter:?}");
        }
    }

    async fn keys_are_compared_as_texts_and_not_as_patterns(database: &Database) {
        let it = sample(database).await;
        let none = || StringFilter::default();
        let cases = [
            (StringFilter { eq: text("Order-1"), ..none() }, vec![it.order]),
            (StringFilter { eq: text("order-1"), ..none() }, vec![]),
            (StringFilter { ne: text("Order-1"), ..none() }, vec![it.plain, it.other, it.third]),
            (StringFilter { in_list: Some(vec!["Order-1".to_owned(), "x'); --".to_owned()]), ..none() }, vec![it.order, it.third]),
            (StringFilter { not_in: Some(vec!["Order-1".to_owned()]), ..none() }, vec![it.plain, it.other, it.third]),
            (StringFilter { contains: text("ORDER"), ..none() }, vec![it.order, it.other]),
            (StringFilter { contains: text("%"), ..none() }, vec![it.other]),
            (StringFilter { contains: text("r_2"), ..none() }, vec![it.other]),
            (StringFilter { starts_with: text("order"), ..none() }, vec![it.other]),
            (StringFilter { starts_with: text("Ord"), contains: text("-"), ..none() }, vec![it.order]),
            (StringFilter { starts_with: text("_"), ..none() }, vec![]),
        ];
        for (key, expected) in cases {
            assert_eq!(found(database, &by_key(key.clone())).await, expected, "{key:?}");
        }
    }

    async fn labels_are_found_by_name_and_value(database: &Database) {
        let it = sample(database).await;
        let team = || LabelFilter { name: "team".to_owned(), ..LabelFilter::default() };
        let cases = [
            (LabelFilter { eq: text("a"), ..team() }, vec![it.order, it.third]),
            (LabelFilter { in_list: Some(vec!["b".to_owned(), "c".to_owned()]), ..team() }, vec![it.other]),
            (LabelFilter { exists: Some(true), ..team() }, vec![it.order, it.other, it.third]),
            (LabelFilter { exists: Some(false), ..team() }, vec![it.plain]),
        ];
        for (label, expected) in cases {
            assert_eq!(found(database, &by_label(label.clone())).await, expected, "{label:?}");
        }
        let mut both = by_label(LabelFilter { eq: text("a"), ..team() });
        both.labels.push(LabelFilter { name: "tier".to_owned(), eq: text("1"), ..LabelFilter::default() });
        assert_eq!(found(database, &both).await, [it.order]);
    }

    async fn search_looks_for_every_word_in_key_label_slug_and_id(database: &Database) {
        let it = sample(database).await;
        let third = it.third.to_string();
        let words = [
            ("order", vec![it.order, it.other]),
            ("ORDER 2%", vec![it.other]),
            ("flow-9", vec![it.third]),
            ("flow-9 order", vec![]),
            (third.as_str(), vec![it.third]),
            ("  ", vec![it.plain, it.order, it.other, it.third]),
            ("nowhere", vec![]),
        ];
        for (search, expected) in words {
            let filter = ExecutionFilter { search: text(search), ..ExecutionFilter::default() };
            assert_eq!(found(database, &filter).await, expected, "{search}");
        }
    }

    async fn conditions_combine_and_absent_values_are_not_unknown(database: &Database) {
        let it = sample(database).await;
        let eq = |key: &str| by_key(StringFilter { eq: text(key), ..StringFilter::default() });
        let none = || ExecutionFilter::default();
        let failed = || ExecutionFilter { statuses: Some(vec![ExecutionStatus::Failed]), ..none() };
        let cases = [
            (ExecutionFilter { or: vec![eq("Order-1"), failed()], ..none() }, vec![it.order, it.other]),
            (ExecutionFilter { and: vec![eq("Order-1"), failed()], ..none() }, vec![]),
            (ExecutionFilter { not: Some(Box::new(eq("Order-1"))), ..none() }, vec![it.plain, it.other, it.third]),
            (ExecutionFilter { not: Some(Box::new(none())), ..none() }, vec![]),
            (ExecutionFilter { not: Some(Box::new(ExecutionFilter { or: vec![eq("Order-1"), failed()], ..none() })), ..none() }, vec![it.plain, it.third]),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(database, &filter).await, expected, "{filter:?}");
        }
    }

    async fn children_and_repeats_are_found_by_what_they_come_of(database: &Database) {
        let first = database.started(database.new_execution()).await;
        let mut new = database.new_execution();
        new.parent_id = Some(first);
        let child = database.started(new).await;
        let mut new = database.new_execution();
        new.rerun_of = Some(first);
        let repeat = database.started(new).await;
        let all = || ExecutionFilter::default();
        let cases = [
            (ExecutionFilter { parent_id: Some(first), ..all() }, vec![child]),
            (ExecutionFilter { parent_id: Some(child), ..all() }, vec![]),
            (ExecutionFilter { rerun_of: Some(first), ..all() }, vec![repeat]),
            (ExecutionFilter { rerun_of: Some(child), ..all() }, vec![]),
            (ExecutionFilter { is_root: Some(true), ..all() }, vec![first, repeat]),
            (ExecutionFilter { is_root: Some(false), ..all() }, vec![child]),
            (ExecutionFilter { not: Some(Box::new(ExecutionFilter { parent_id: Some(first), ..all() })), ..all() }, vec![first, repeat]),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(database, &filter).await, expected, "{filter:?}");
        }
    }

    async fn what_a_schedule_started_is_found_by_its_history(database: &Database) {
        let plain = database.started(database.new_execution()).await;
        let timed = database.started(database.new_execution()).await;
        let (row, _is_new) = database.store.insert_schedule(schedule(database.organization, EPOCH_MS)).await.unwrap().unwrap();
        let run = ScheduleRunRow { execution_id: Some(timed), ..run_of(&row, EPOCH_MS, ScheduleRunState::Started) };
        // One that came to nothing has no execution.
        for run in [run, run_of(&row, EPOCH_MS + 1, ScheduleRunState::Failed)] {
            database.store.insert_schedule_run(&run).await.unwrap();
        }
        let of = |id| ExecutionFilter { schedule_id: Some(id), ..ExecutionFilter::default() };
        assert_eq!(found(database, &of(row.id)).await, [timed]);
        assert_eq!(found(database, &of(ids::ScheduleId::new())).await, []);
        let others = ExecutionFilter { not: Some(Box::new(of(row.id))), ..ExecutionFilter::default() };
        assert_eq!(found(database, &others).await, [plain]);
    }

    async fn nesting_has_a_limit(database: &Database) {
        let mut filter = ExecutionFilter::default();
        for _level in 0..MAX_NESTING {
            filter = ExecutionFilter { and: vec![filter], ..ExecutionFilter::default() };
        }
        assert_eq!(found(database, &filter).await, []);
        let too_deep = ExecutionFilter { not: Some(Box::new(filter)), ..ExecutionFilter::default() };
        let outcome = database.store.count_executions(database.organization, &too_deep).await;
        assert!(matches!(outcome, Err(StoreError::FilterTooDeep { limit: MAX_NESTING })));
    }

    async fn executions_of_an_event_are_found(database: &Database) {
        let it = sample(database).await;
        let rows = database.store.executions_of_event(database.organization, it.event, 10).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [it.other]);
    }
}
