//! Approvals change hands, and links decide them once.

use ids::{ApprovalId, SubstitutionId, UserId};
use store::{
    ApprovalFilter, ApprovalOrder, ApprovalStatus, ClaimApproval, Decider, DecisionOutcome, HandOutcome, HandOver,
    HandedTo, LinkRow, NewApproval, NewDecision, PageRequest, RemindApproval, StandsFor, SubstitutionFilter,
    SubstitutionRow,
};

use crate::approvals::{asks, new_approval, says};
use crate::harness::Database;
use crate::on_both_databases;

/// Deciders of one race.
const DECIDERS: usize = 50;

fn from_ada_to(database: &Database, id: ApprovalId, to: &str, revision: i32) -> HandOver {
    HandOver {
        organization_id: database.organization,
        approval_id: id,
        revision,
        actor: "usr_ada".to_owned(),
        to: HandedTo::Person {
            from: "usr_ada".to_owned(),
            names: vec!["user:ada@example.com".to_owned()],
            voice: "usr_ada".to_owned(),
            to: to.to_owned(),
        },
        reason: Some("away".to_owned()),
        at_ms: database.now(),
    }
}

fn claim(database: &Database, id: ApprovalId, from: Option<&str>, to: Option<&str>) -> ClaimApproval {
    ClaimApproval {
        organization_id: database.organization,
        approval_id: id,
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        actor: to.or(from).unwrap_or_default().to_owned(),
        at_ms: database.now(),
    }
}

fn link(database: &Database, id: ApprovalId, token_hash: &str, lives_ms: i64) -> LinkRow {
    LinkRow {
        token_hash: token_hash.to_owned(),
        organization_id: database.organization,
        approval_id: id,
        user_id: UserId::new(),
        created_at_ms: database.now(),
        expires_at_ms: database.now() + lives_ms,
        used_at_ms: None,
    }
}

async fn send(database: &Database, id: ApprovalId, links: Vec<LinkRow>) -> HandOutcome {
    let at_ms = database.now();
    let reminder = RemindApproval {
        organization_id: database.organization,
        approval_id: id,
        actor: "usr_sue".to_owned(),
        not_since_ms: at_ms - 1_000_000,
        links,
        at_ms,
    };
    database.store.remind_approval(reminder).await.unwrap()
}

fn by_link(database: &Database, id: ApprovalId, token_hash: &str) -> NewDecision {
    NewDecision { link: Some(token_hash.to_owned()), ..says(database, id, "usr_ada", true) }
}

async fn kinds(database: &Database, id: ApprovalId) -> Vec<String> {
    let events = database.store.approval_events(database.organization, &[id], 100).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

async fn assignees(database: &Database, id: ApprovalId) -> Vec<String> {
    let found = database.store.approval_assignees(database.organization, &[id]).await.unwrap();
    found.into_iter().map(|(_id, assignee)| assignee).collect()
}

async fn inbox(database: &Database, decider: Decider) -> Vec<ApprovalId> {
    let filter = ApprovalFilter { decidable: Some(decider), ..ApprovalFilter::default() };
    let order = ApprovalOrder::default();
    let page = database.store.approvals(database.organization, &filter, order, &PageRequest::first(50)).await.unwrap();
    page.rows.into_iter().map(|(_cursor, row)| row.id).collect()
}

fn decider(database: &Database, person: &str, assignees: &[&str]) -> Decider {
    Decider {
        assignees: Some(assignees.iter().map(|one| (*one).to_owned()).collect()),
        person: person.to_owned(),
        own: vec![person.to_owned()],
        stands_for: Vec::new(),
        now_ms: database.now(),
    }
}

on_both_databases! {
    async fn a_mail_that_is_owed_is_settled_once_with_its_links_and_not_for_what_is_closed(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let owing = |mail_at_ms| NewApproval { mail_at_ms, ..new_approval(database) };
        let (_asks, late) = asks(database, owing(Some(7))).await;
        let (_asks, early) = asks(database, owing(Some(5))).await;
        let (_asks, silent) = asks(database, owing(None)).await;
        let owed = async |now_ms| -> Vec<ApprovalId> {
            store.approvals_to_mail(now_ms, 10).await.unwrap().into_iter().map(|row| row.id).collect()
        };
        assert_eq!((owed(6).await, owed(7).await), (vec![early], vec![early, late]));
        let settles = (0..8).map(|number| {
            let links = vec![link(database, early, &format!("hash {number}"), 1_000)];
            store.settle_approval_mail(of, early, 1, links, database.now())
        });
        let settled: Vec<bool> = futures::future::join_all(settles).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(settled.iter().filter(|settled| **settled).count(), 1, "one of many sends it");
        let winner = settled.iter().position(|settled| *settled).unwrap();
        for number in 0..8 {
            let found = store.approval_link(&format!("hash {number}")).await.unwrap();
            assert_eq!(found.is_some(), number == winner, "the links of others count for nothing");
        }
        let decided = store.decide_approval(says(database, late, "usr_ada", true)).await.unwrap();
        assert!(matches!(decided, DecisionOutcome::Recorded { .. }), "{decided:?}");
        let links = vec![link(database, late, "late", 1_000)];
        assert!(!store.settle_approval_mail(of, late, 1, links, database.now()).await.unwrap(), "it is closed");
        assert_eq!(store.approval_link("late").await.unwrap(), None);
        assert!(!store.settle_approval_mail(of, silent, 1, Vec::new(), database.now()).await.unwrap());
        assert_eq!(owed(i64::MAX).await, Vec::<ApprovalId>::new());
    }

    async fn a_mail_that_is_owed_is_taken_on_by_one_until_its_time_is_over(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (_asks, id) = asks(database, NewApproval { mail_at_ms: Some(5), ..new_approval(database) }).await;
        let (_asks, silent) = asks(database, NewApproval { mail_at_ms: None, ..new_approval(database) }).await;
        let claims = (0..8).map(|_one| store.claim_approval_mail(of, id, 5, 30));
        let claimed: Vec<bool> = futures::future::join_all(claims).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1, "one of many looks at it");
        assert_eq!(store.approvals_to_mail(29, 10).await.unwrap(), []);
        assert!(!store.claim_approval_mail(of, id, 29, 60).await.unwrap());
        assert!(store.claim_approval_mail(of, id, 30, 60).await.unwrap(), "whoever had it is gone");
        assert!(store.settle_approval_mail(of, id, 1, Vec::new(), database.now()).await.unwrap(), "also by who was slow");
        assert!(!store.claim_approval_mail(of, id, i64::MAX, i64::MAX).await.unwrap(), "it is settled");
        assert!(!store.claim_approval_mail(of, silent, i64::MAX, i64::MAX).await.unwrap(), "nothing is owed");
    }

    async fn a_mail_is_not_settled_by_whoever_found_out_too_early_who_is_asked(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (_asks, id) = asks(database, NewApproval { mail_at_ms: Some(5), ..new_approval(database) }).await;
        assert!(store.claim_approval_mail(of, id, 5, 30).await.unwrap());
        let handed = store.hand_over_approval(from_ada_to(database, id, "usr_bob", 1)).await.unwrap();
        assert!(matches!(handed, HandOutcome::Done(_)), "{handed:?}");
        let links = vec![link(database, id, "to ada", 1_000)];
        assert!(!store.settle_approval_mail(of, id, 1, links, database.now()).await.unwrap());
        assert_eq!(store.approval_link("to ada").await.unwrap(), None);
        let owed = store.approvals_to_mail(30, 10).await.unwrap();
        assert_eq!(owed.iter().map(|row| (row.id, row.revision)).collect::<Vec<_>>(), [(id, 2)], "it is still owed");
        assert!(store.settle_approval_mail(of, id, 2, Vec::new(), database.now()).await.unwrap());
    }

    async fn what_is_handed_over_is_judged_anew_and_leaves_the_inbox_of_whoever_had_it(database: &Database) {
        let (_execution, id) = asks(database, new_approval(database)).await;
        let ada = || decider(database, "usr_ada", &["role:manager", "user:ada@example.com", "user:usr_ada"]);
        let bob = || decider(database, "usr_bob", &["role:clerk", "user:usr_bob"]);
        assert_eq!((inbox(database, ada()).await, inbox(database, bob()).await), (vec![id], vec![]));
        let outcome = database.store.hand_over_approval(from_ada_to(database, id, "usr_bob", 1)).await.unwrap();
        assert!(matches!(&outcome, HandOutcome::Done(row) if row.revision == 2), "{outcome:?}");
        assert_eq!(assignees(database, id).await, ["role:manager", "user:usr_bob"]);
        assert_eq!((inbox(database, ada()).await, inbox(database, bob()).await), (vec![], vec![id]));
        let moved = database.store.hand_over_approval(from_ada_to(database, id, "usr_eve", 1)).await.unwrap();
        assert!(matches!(moved, HandOutcome::Moved(_)), "{moved:?}");
        let stale = database.store.decide_approval(says(database, id, "usr_ada", true)).await.unwrap();
        assert_eq!(stale, DecisionOutcome::Moved, "who decides was judged before");

        // It comes back, and counts again.
        let back = HandOver {
            actor: "usr_bob".to_owned(),
            to: HandedTo::Person {
                from: "usr_bob".to_owned(),
                names: Vec::new(),
                voice: "usr_ada".to_owned(),
                to: "usr_ada".to_owned(),
            },
            ..from_ada_to(database, id, "usr_ada", 2)
        };
        database.store.hand_over_approval(back).await.unwrap();
        assert_eq!((inbox(database, ada()).await, inbox(database, bob()).await), (vec![id], vec![]));
        let chain = database.store.approval_delegations(database.organization, &[id], 10).await.unwrap();
        let chain: Vec<_> = chain.iter().map(|one| (one.number, one.to.as_str(), one.is_in_force)).collect();
        assert_eq!(chain, [(1, "usr_bob", false), (2, "usr_ada", true)]);

        let anew = HandOver {
            to: HandedTo::Anew(vec!["role:clerk".to_owned(), "role:clerk".to_owned()]),
            ..from_ada_to(database, id, "", 3)
        };
        database.store.hand_over_approval(anew).await.unwrap();
        assert_eq!(assignees(database, id).await, ["role:clerk"]);
        assert_eq!((inbox(database, ada()).await, inbox(database, bob()).await), (vec![], vec![id]));
        assert_eq!(kinds(database, id).await, ["requested", "delegated", "delegated", "reassigned"]);
        let fresh = NewDecision { revision: 4, ..says(database, id, "usr_bob", true) };
        assert!(matches!(database.store.decide_approval(fresh).await.unwrap(), DecisionOutcome::Recorded { .. }));
        let late = database.store.hand_over_approval(from_ada_to(database, id, "usr_eve", 4)).await.unwrap();
        assert!(matches!(late, HandOutcome::Closed(_)), "{late:?}");
    }

    async fn of_a_decision_and_a_hand_over_at_once_the_one_sees_the_other(database: &Database) {
        for _race in 0..8 {
            let (_execution, id) = asks(database, new_approval(database)).await;
            let (decided, handed) = tokio::join!(
                database.store.decide_approval(says(database, id, "usr_ada", true)),
                database.store.hand_over_approval(from_ada_to(database, id, "usr_bob", 1)),
            );
            match (decided.unwrap(), handed.unwrap()) {
                (DecisionOutcome::Recorded { .. }, HandOutcome::Closed(_)) | (DecisionOutcome::Moved, HandOutcome::Done(_)) => {}
                both => panic!("{both:?}"),
            }
        }
    }

    async fn of_fifty_who_open_one_link_at_once_one_decides_with_it(database: &Database) {
        let quorum = NewApproval { quorum: 2, ..new_approval(database) };
        let (execution, id) = asks(database, quorum).await;
        assert!(matches!(send(database, id, vec![link(database, id, "a", 60_000)]).await, HandOutcome::Done(_)));
        let other = if database.is_postgresql() { database.another_process().await } else { database.store.clone() };
        let deciding: Vec<_> = (0..DECIDERS).map(|number| {
            // As if everybody were somebody else: the link alone has to hold.
            let decision = NewDecision { person: format!("usr_{number}"), ..by_link(database, id, "a") };
            let store = if number % 3 == 0 { other.clone() } else { database.store.clone() };
            tokio::spawn(async move { store.decide_approval(decision).await.unwrap() })
        }).collect();
        let (mut winners, mut spent) = (0, 0);
        for decided in deciding {
            match decided.await.unwrap() {
                DecisionOutcome::Recorded { .. } => winners += 1,
                DecisionOutcome::LinkSpent => spent += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((winners, spent), (1, DECIDERS - 1));
        assert_eq!(database.store.signals(database.organization, execution).await.unwrap().len(), 1);
        assert!(database.store.approval_link("a").await.unwrap().unwrap().used_at_ms.is_some());
        if database.is_postgresql() {
            other.close().await;
        }
    }

    async fn a_link_counts_for_its_approval_in_its_time_and_is_not_spent_by_what_is_refused(database: &Database) {
        let (store, (_execution, id)) = (&database.store, asks(database, new_approval(database)).await);
        let (_other, elsewhere) = asks(database, new_approval(database)).await;
        let sent = vec![link(database, id, "good", 60_000), link(database, id, "over", 0)];
        assert!(matches!(send(database, id, sent).await, HandOutcome::Done(_)));
        assert_eq!(store.decide_approval(by_link(database, id, "over")).await.unwrap(), DecisionOutcome::LinkSpent);
        assert_eq!(store.decide_approval(by_link(database, id, "none")).await.unwrap(), DecisionOutcome::LinkSpent);
        let wrong = store.decide_approval(by_link(database, elsewhere, "good")).await.unwrap();
        assert_eq!(wrong, DecisionOutcome::LinkSpent, "of another approval");
        let moved = NewDecision { revision: 0, ..by_link(database, id, "good") };
        assert_eq!(store.decide_approval(moved).await.unwrap(), DecisionOutcome::Moved);
        assert_eq!(store.approval_link("good").await.unwrap().unwrap().used_at_ms, None);
        let decided = store.decide_approval(by_link(database, id, "good")).await.unwrap();
        assert!(matches!(decided, DecisionOutcome::Recorded { .. }), "{decided:?}");
        assert_eq!(store.decide_approval(by_link(database, id, "good")).await.unwrap(), DecisionOutcome::LinkSpent);
        assert!(!format!("{:?}", store.approval_link("good").await.unwrap()).contains("good"), "it is not printed");
    }

    async fn no_voice_counts_twice_whoever_has_it(database: &Database) {
        let quorum = NewApproval { quorum: 3, ..new_approval(database) };
        let (_execution, id) = asks(database, quorum).await;
        let behalf = |person: &str, of: &str| NewDecision {
            on_behalf_of: Some(of.to_owned()),
            ..says(database, id, person, true)
        };
        let first = database.store.decide_approval(behalf("usr_bob", "usr_ada")).await.unwrap();
        assert!(matches!(first, DecisionOutcome::Recorded { .. }), "{first:?}");
        for again in [says(database, id, "usr_ada", true), behalf("usr_eve", "usr_ada"), behalf("usr_bob", "usr_sue"),
            behalf("usr_eve", "usr_bob")] {
            let outcome = database.store.decide_approval(again).await.unwrap();
            assert!(matches!(outcome, DecisionOutcome::DecidedBefore(_)), "{outcome:?}");
        }
        let decisions = database.store.approval_decisions(database.organization, &[id], 10).await.unwrap();
        assert_eq!(decisions[0].on_behalf_of.as_deref(), Some("usr_ada"));
        let ada = decider(database, "usr_ada", &["role:manager"]);
        assert!(inbox(database, ada).await.is_empty(), "somebody has in her place");
    }

    async fn whoever_stands_in_finds_what_the_other_may_decide(database: &Database) {
        let (_execution, id) = asks(database, new_approval(database)).await;
        let away = |person: &str, folders: Option<&[&str]>| StandsFor {
            person: person.to_owned(),
            assignees: vec!["role:manager".to_owned()],
            folders: folders.map(|folders| folders.iter().map(|one| (*one).to_owned()).collect()),
        };
        let bob = |stands_for: Vec<StandsFor>| Decider { stands_for, ..decider(database, "usr_bob", &["role:clerk"]) };
        assert!(inbox(database, bob(Vec::new())).await.is_empty());
        assert_eq!(inbox(database, bob(vec![away("usr_ada", None)])).await, [id]);
        assert!(inbox(database, bob(vec![away("usr_ada", Some(&["elsewhere"]))])).await.is_empty());
        assert!(inbox(database, bob(vec![away("usr_test", None)])).await.is_empty(), "it is the other's own request");
        database.store.hand_over_approval(from_ada_to(database, id, "usr_eve", 1)).await.unwrap();
        assert!(inbox(database, bob(vec![away("usr_ada", None)])).await.is_empty(), "it was handed over");
    }

    async fn of_many_who_take_it_on_at_once_one_has_it(database: &Database) {
        let (store, (_execution, id)) = (&database.store, asks(database, new_approval(database)).await);
        let claims = (0..20).map(|number| {
            let (store, claim) = (store.clone(), claim(database, id, None, Some(&format!("usr_{number}"))));
            tokio::spawn(async move { store.claim_approval(claim).await.unwrap() })
        });
        let claims: Vec<_> = claims.collect();
        let (mut has, mut refused) = (Vec::new(), Vec::new());
        for one in claims {
            match one.await.unwrap() {
                HandOutcome::Done(row) => has.extend(row.claimed_by),
                HandOutcome::Moved(row) => refused.extend(row.claimed_by),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((has.len(), refused.len()), (1, 19));
        assert!(refused.iter().all(|holder| *holder == has[0]), "everybody is told who has it");
        let wrong = store.claim_approval(claim(database, id, Some("usr_nobody"), None)).await.unwrap();
        assert!(matches!(wrong, HandOutcome::Moved(_)), "{wrong:?}");
        let freed = store.claim_approval(claim(database, id, Some(&has[0]), None)).await.unwrap();
        assert!(matches!(&freed, HandOutcome::Done(row) if row.claimed_by.is_none()), "{freed:?}");
        assert_eq!(kinds(database, id).await, ["requested", "claimed", "released"]);
        store.claim_approval(claim(database, id, None, Some("usr_ada"))).await.unwrap();
        let handed = store.hand_over_approval(from_ada_to(database, id, "usr_bob", 1)).await.unwrap();
        assert!(matches!(&handed, HandOutcome::Done(row) if row.claimed_by.is_none()), "{handed:?}");
    }

    async fn people_are_reminded_once_in_a_while_and_not_of_what_is_closed(database: &Database) {
        let (_execution, id) = asks(database, new_approval(database)).await;
        assert!(matches!(send(database, id, Vec::new()).await, HandOutcome::Done(_)));
        assert!(matches!(send(database, id, vec![link(database, id, "b", 9)]).await, HandOutcome::Moved(_)));
        assert_eq!(database.store.approval_link("b").await.unwrap(), None, "no link without its reminder");
        assert_eq!(kinds(database, id).await, ["requested", "reminded"]);
        let (_execution, closed) = asks(database, new_approval(database)).await;
        database.store.decide_approval(says(database, closed, "usr_ada", true)).await.unwrap();
        let outcome = send(database, closed, Vec::new()).await;
        assert!(matches!(&outcome, HandOutcome::Closed(row) if row.status == ApprovalStatus::Approved), "{outcome:?}");
        assert_eq!(send(database, ApprovalId::new(), Vec::new()).await, HandOutcome::Unknown);
    }

    async fn a_substitution_replaces_those_of_the_same_person_that_overlap_it(database: &Database) {
        let (store, organization, ada) = (&database.store, database.organization, UserId::new());
        let row = |from: i64, until: i64| SubstitutionRow {
            id: SubstitutionId::new(),
            organization_id: organization,
            user_id: ada,
            substitute_id: UserId::new(),
            starts_at_ms: from,
            ends_at_ms: until,
            created_by: "usr_ada".to_owned(),
            created_at_ms: 1,
        };
        let (early, middle, late) = (row(10, 20), row(20, 30), row(30, 40));
        for one in [&early, &middle, &late] {
            store.set_substitution(one.clone()).await.unwrap();
        }
        let all = |at: i64| SubstitutionFilter { user: Some(ada), not_over_at_ms: at, ..SubstitutionFilter::default() };
        assert_eq!(store.substitutions(organization, all(0), 9).await.unwrap(), [early.clone(), middle, late.clone()]);
        let wider = row(19, 31);
        store.set_substitution(wider.clone()).await.unwrap();
        assert_eq!(store.substitutions(organization, all(0), 9).await.unwrap(), std::slice::from_ref(&wider));
        let mine = |at: i64| SubstitutionFilter {
            user: None, substitute: Some(wider.substitute_id), begun_at_ms: Some(at), not_over_at_ms: at,
        };
        for (at, is_there) in [(18, false), (19, true), (30, true), (31, false)] {
            assert_eq!(store.substitutions(organization, mine(at), 9).await.unwrap().len(), usize::from(is_there), "{at}");
        }
        assert!(store.delete_substitution(organization, wider.id).await.unwrap());
        assert!(!store.delete_substitution(organization, wider.id).await.unwrap());
        assert_eq!(store.substitution(organization, wider.id).await.unwrap(), None);
    }
}
