use futures::future::join_all;
use ids::{AuditEntryId, OrganizationId};
use store::{
    AuditBreak, AuditFault, AuditFilter, AuditKey, AuditOutcome, AuditReport, AuditRow, AuditSpan, NewAuditEntry,
    PageRequest, Store, TimeFilter,
};

use crate::harness::{Database, EPOCH_MS};
use crate::line::Line;
use crate::on_both_databases;

const ALWAYS: AuditSpan = AuditSpan { from_ms: 0, to_ms: i64::MAX, after: None };
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn entry(organization: OrganizationId, number: i64) -> NewAuditEntry {
    NewAuditEntry {
        id: AuditEntryId::new(),
        organization_id: organization,
        at_ms: EPOCH_MS + number,
        actor_id: "usr_test".to_owned(),
        actor_kind: "user".to_owned(),
        actor_name: "Test".to_owned(),
        action: "workflow.published".to_owned(),
        outcome: AuditOutcome::Ok,
        code: None,
        target_type: "workflow".to_owned(),
        target_id: format!("wf_{number}"),
        target_name: "orders".to_owned(),
        changes: Some(format!(r#"{{"after":{{"version":{number}}}}}"#)),
        reason: None,
        remote_address: Some("192.0.2.7".to_owned()),
        user_agent: None,
        request_id: format!("req-{number}"),
    }
}

async fn written(store: &Store, organization: OrganizationId, numbers: std::ops::RangeInclusive<i64>) {
    store.audit(numbers.map(|number| entry(organization, number)).collect()).await.unwrap();
}

async fn all(database: &Database) -> Vec<AuditRow> {
    let (filter, request) = (AuditFilter::default(), PageRequest::last(10_000));
    let page = database.store.audit_entries(database.organization, &filter, &request).await.unwrap();
    let mut rows: Vec<AuditRow> = page.rows.into_iter().map(|(_, row)| row).collect();
    rows.reverse();
    rows
}

async fn report(database: &Database, span: AuditSpan) -> AuditReport {
    database.store.verify_audit(database.organization, span, 10_000).await.unwrap()
}

fn intact(checked: u64) -> AuditReport {
    AuditReport { checked, first_break: None, next: None }
}

/// Damage that no trigger stands against: whoever owns the database can remove those.
async fn damaged(database: &Database, statement: &'static str) {
    if database.store.describe().starts_with("SQLite") {
        database.damage("drop trigger if exists audit_entry_keeps").await;
        database.damage("drop trigger if exists audit_entry_stays").await;
    } else {
        database.damage("alter table audit_entry disable trigger user").await;
    }
    database.damage(statement).await;
}

async fn found(database: &Database) -> (i64, AuditFault) {
    let AuditBreak { seq, fault, .. } = report(database, ALWAYS).await.first_break.expect("the damage is found");
    (seq, fault)
}

fn seqs(rows: &[AuditRow]) -> Vec<i64> {
    rows.iter().map(|row| row.seq).collect()
}

on_both_databases! {
    async fn entries_come_back_as_they_were_written_and_each_follows_the_one_before(database: &Database) {
        let given: Vec<NewAuditEntry> = (1..=3).map(|number| entry(database.organization, number)).collect();
        database.store.audit(given.clone()).await.unwrap();
        let rows = all(database).await;
        assert_eq!(rows.iter().map(|row| row.entry.clone()).collect::<Vec<_>>(), given);
        assert_eq!(seqs(&rows), [1, 2, 3]);
        assert_eq!((rows[0].previous_hash.as_str(), rows[0].hash.len()), ("", 64));
        assert_eq!((&rows[1].previous_hash, &rows[2].previous_hash), (&rows[0].hash, &rows[1].hash));
        assert_eq!(report(database, ALWAYS).await, intact(3));
    }

    async fn every_organization_has_a_chain_of_its_own(database: &Database) {
        let other = database.store.ensure_organization("other", "Other", 1).await.unwrap();
        let mixed = (1..=6).map(|number| entry(if number % 2 == 0 { other } else { database.organization }, number));
        database.store.audit(mixed.collect()).await.unwrap();
        assert_eq!(seqs(&all(database).await), [1, 2, 3]);
        assert_eq!(database.store.verify_audit(other, ALWAYS, 100).await.unwrap(), intact(3));
    }

    async fn a_log_without_entries_is_intact(database: &Database) {
        assert_eq!(report(database, ALWAYS).await, intact(0));
    }

    async fn a_part_is_checked_by_its_time_and_in_bounded_steps(database: &Database) {
        written(&database.store, database.organization, 1..=1_200).await;
        let span = AuditSpan { from_ms: EPOCH_MS + 11, to_ms: EPOCH_MS + 31, after: None };
        assert_eq!(report(database, span).await, intact(20));
        assert_eq!(report(database, AuditSpan { from_ms: EPOCH_MS + 5_000, ..ALWAYS }).await, intact(0));
        let mut counts = Vec::new();
        let mut span = ALWAYS;
        loop {
            let part = database.store.verify_audit(database.organization, span, 100).await.unwrap();
            assert_eq!(part.first_break, None);
            counts.push(part.checked);
            let Some(next) = part.next else { break };
            span.after = Some(next);
        }
        assert_eq!(counts, [500, 500, 200]);
    }

    async fn the_database_itself_refuses_changes(database: &Database) {
        written(&database.store, database.organization, 1..=2).await;
        for statement in ["update audit_entry set action = 'nothing' where seq = 1", "delete from audit_entry where seq = 2"] {
            assert!(database.try_to_damage(statement).await.is_err(), "{statement}");
        }
        assert_eq!(report(database, ALWAYS).await, intact(2));
    }

    async fn an_entry_that_was_changed_is_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "update audit_entry set actor_id = 'usr_somebody' where seq = 4").await;
        assert_eq!(found(database).await, (4, AuditFault::Changed));
    }

    async fn an_entry_that_was_removed_is_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "delete from audit_entry where seq = 4").await;
        assert_eq!(found(database).await, (5, AuditFault::Gap));
    }

    async fn a_beginning_that_was_removed_is_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "delete from audit_entry where seq <= 2").await;
        assert_eq!(found(database).await, (3, AuditFault::Gap));
    }

    async fn an_end_that_was_removed_is_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "delete from audit_entry where seq > 6").await;
        assert_eq!(found(database).await, (7, AuditFault::TailMissing));
        damaged(database, "delete from audit_entry").await;
        assert_eq!(found(database).await, (1, AuditFault::TailMissing));
    }

    async fn an_end_that_was_removed_with_its_record_is_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "delete from audit_entry where seq > 6").await;
        damaged(database, "update audit_head set seq = 6, hash = (select hash from audit_entry where seq = 6)").await;
        assert_eq!(found(database).await.1, AuditFault::HeadForged);
        // What is written afterwards does not cover it up.
        written(&database.store, database.organization, 10..=12).await;
        assert_eq!(found(database).await, (7, AuditFault::Unlinked));
    }

    async fn entries_that_changed_places_are_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "update audit_entry set seq = 100 where seq = 4").await;
        damaged(database, "update audit_entry set seq = 4 where seq = 5").await;
        damaged(database, "update audit_entry set seq = 5 where seq = 100").await;
        assert_eq!(found(database).await, (4, AuditFault::Changed));
    }

    async fn an_entry_that_was_put_in_is_found(database: &Database) {
        written(&database.store, database.organization, 1..=9).await;
        damaged(database, "update audit_entry set seq = seq + 100 where seq > 4").await;
        damaged(database, "update audit_entry set seq = seq - 99 where seq > 100").await;
        // A copy of another entry in the place that is free now.
        damaged(
            database,
            "insert into audit_entry select organization_id, 5, organization_id, at_ms, actor_id, actor_kind, actor_name, action, outcome, \
             code, target_type, target_id, target_name, changes, reason, remote_address, user_agent, request_id, previous_hash, hash \
             from audit_entry where seq = 4",
        )
        .await;
        assert_eq!(found(database).await, (5, AuditFault::Changed));
    }

    async fn a_chain_that_was_made_with_another_key_does_not_fit(database: &Database) {
        let mut config = database.config();
        config.audit_key = AuditKey::new([7; 32]);
        let forger = Store::connect(&config).await.unwrap();
        written(&forger, database.organization, 1..=3).await;
        assert_eq!(found(database).await.1, AuditFault::HeadForged);
        forger.close().await;
    }

    async fn what_retention_removes_leaves_the_rest_verifiable(database: &Database) {
        let old = (1..=10).map(|number| NewAuditEntry { at_ms: EPOCH_MS + number * DAY_MS, ..entry(database.organization, number) });
        database.store.audit(old.collect()).await.unwrap();
        let before_ms = EPOCH_MS + 5 * DAY_MS;
        let cut = database.store.cut_audit(database.organization, before_ms).await.unwrap().unwrap();
        assert_eq!((cut.removed, cut.through_seq), (4, 4));
        assert_eq!(seqs(&all(database).await), [5, 6, 7, 8, 9, 10]);
        assert_eq!(report(database, ALWAYS).await, intact(6));
        assert_eq!(database.store.cut_audit(database.organization, before_ms).await.unwrap(), None);
        written(&database.store, database.organization, 11..=12).await;
        assert_eq!(report(database, ALWAYS).await, intact(8));
        assert!(database.try_to_damage("delete from audit_entry where seq = 5").await.is_err());
        // All of it is old: the last entry stays.
        let cut = database.store.cut_audit(database.organization, EPOCH_MS + 900 * DAY_MS).await.unwrap().unwrap();
        assert_eq!((cut.removed, seqs(&all(database).await)), (7, vec![12]));
        assert_eq!(report(database, ALWAYS).await, intact(1));
    }

    async fn a_log_is_filtered(database: &Database) {
        let given = (1..=6).map(|number| {
            let plain = entry(database.organization, number);
            match number {
                1 => NewAuditEntry { actor_id: "key_1".to_owned(), actor_kind: "api_key".to_owned(), ..plain },
                2 => NewAuditEntry { action: "workflow.disabled".to_owned(), reason: Some("On Fire".to_owned()), ..plain },
                3 => NewAuditEntry { action: "workflows".to_owned(), outcome: AuditOutcome::Denied, code: Some("FORBIDDEN".to_owned()), ..plain },
                4 => NewAuditEntry { target_type: "execution".to_owned(), ..plain },
                _ => plain,
            }
        });
        database.store.audit(given.collect()).await.unwrap();
        let texts = |list: &[&str]| Some(list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let plain = AuditFilter::default;
        let cases: [(AuditFilter, &[i64]); 9] = [
            (AuditFilter { actor_id: Some("key_1".to_owned()), ..plain() }, &[1]),
            (AuditFilter { actor_kinds: texts(&["api_key", "agent"]), ..plain() }, &[1]),
            (AuditFilter { actions: texts(&["workflow.*"]), ..plain() }, &[6, 5, 4, 2, 1]),
            (AuditFilter { actions: texts(&["workflow.disabled", "workflows"]), ..plain() }, &[3, 2]),
            (AuditFilter { actions: texts(&[]), ..plain() }, &[]),
            (AuditFilter { outcomes: Some(vec![AuditOutcome::Denied]), ..plain() }, &[3]),
            (AuditFilter { target_types: texts(&["execution"]), target_id: Some("wf_4".to_owned()), ..plain() }, &[4]),
            (AuditFilter { contains: Some("on fire".to_owned()), ..plain() }, &[2]),
            (AuditFilter { at: Some(TimeFilter { gte: Some(EPOCH_MS + 5), ..TimeFilter::default() }), ..plain() }, &[6, 5]),
        ];
        for (filter, expected) in cases {
            let page = database.store.audit_entries(database.organization, &filter, &PageRequest::first(10)).await.unwrap();
            let found: Vec<i64> = page.rows.iter().map(|(_, row)| row.seq).collect();
            assert_eq!(found, expected, "{filter:?}");
            assert_eq!(database.store.count_audit_entries(database.organization, &filter).await.unwrap(), (expected.len() as u64, true));
        }
        let first = database.store.audit_entries(database.organization, &plain(), &PageRequest::first(4)).await.unwrap();
        let second = PageRequest::first(4).after(first.rows[3].0.clone());
        let second = database.store.audit_entries(database.organization, &plain(), &second).await.unwrap();
        assert_eq!(second.rows.iter().map(|(_, row)| row.seq).collect::<Vec<_>>(), [2, 1]);
        assert!(!second.has_next && first.has_next);
    }

    async fn eight_writers_of_several_processes_make_one_chain(database: &Database) {
        let others = [database.another_process().await, database.another_process().await];
        let stores = [&database.store, &others[0], &others[1]];
        // SQLite is written by one process alone.
        let stores = if database.store.describe().starts_with("SQLite") { &stores[..1] } else { &stores[..] };
        let writers = (0..8_i64).map(|writer| {
            let store = stores[usize::try_from(writer).unwrap() % stores.len()];
            async move {
                for number in 0..200 {
                    store.audit(vec![entry(database.organization, writer * 1_000 + number)]).await.unwrap();
                }
            }
        });
        join_all(writers).await;
        assert_eq!(seqs(&all(database).await), (1..=1_600).collect::<Vec<_>>());
        assert_eq!(report(database, ALWAYS).await, intact(1_600));
        for store in others {
            store.close().await;
        }
    }

    async fn an_entry_with_a_nul_character_spoils_no_group(database: &Database) {
        let bad = NewAuditEntry { target_name: "a\0b".to_owned(), ..entry(database.organization, 1) };
        assert!(database.store.audit(vec![bad]).await.is_err());
        written(&database.store, database.organization, 2..=2).await;
        assert_eq!(report(database, ALWAYS).await, intact(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entry_whose_answer_was_lost_is_in_the_log_once() {
    let Some(database) = Database::postgresql("an_entry_whose_answer_was_lost").await else { return };
    let line = Line::to(&database).await;
    let store = line.store(&database).await;
    let other = database.another_process().await;
    // One statement behind the end that is known; where somebody else has appended, it does nothing, and begin,
    // lock, insert, the head and commit follow.
    for number in 1..=6 {
        // Both ways are prepared.
        written(&store, database.organization, number * 10..=number * 10).await;
        written(&store, database.organization, number * 10 + 1..=number * 10 + 1).await;
        if number > 1 {
            written(&other, database.organization, number * 10 + 2..=number * 10 + 2).await;
        }
        line.lose_answer(usize::try_from(number).unwrap());
        written(&store, database.organization, number * 10 + 3..=number * 10 + 3).await;
        assert!(line.has_lost_it(), "answer {number}");
    }
    let requests: Vec<String> = all(&database).await.into_iter().map(|row| row.entry.request_id).collect();
    let distinct: std::collections::BTreeSet<&String> = requests.iter().collect();
    assert_eq!((requests.len(), distinct.len()), (23, 23));
    assert_eq!(report(&database, ALWAYS).await, intact(23));
    store.close().await;
    other.close().await;
    database.end().await;
}
