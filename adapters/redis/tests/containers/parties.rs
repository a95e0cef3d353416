//! The lists of parties.

use std::time::Instant;

use logistics_core::lifecycle::Status;
use logistics_core::port::{
    ClearOutcome, DocumentWrite, IndexEntry, ListQuery, OrderParties, OrderReader, OwnerStore, PartyFilter,
    PartyRole, StoreWrite,
};
use logistics_core::{Order, Partition, PartyId};
use logistics_redis::RedisStore;
use logistics_testkit::sample;

use super::contents::{HOME, apply, token, write};
use super::server::{Kind, PARTITIONS, Server};

fn id(text: &str) -> Option<PartyId> {
    Some(PartyId::parse(text).expect("a party id"))
}

fn of(document: &DocumentWrite, parties: OrderParties) -> DocumentWrite {
    let mut order = Order::from_document(&document.json).expect("a document");
    order.customer_id = parties.customer.clone();
    order.merchant_id = parties.merchant.clone();
    order.courier_id = parties.courier.clone();
    let (json, order_id) = (order.to_document().into(), document.order_id.clone());
    DocumentWrite { json, order_id, parties, ..document.clone() }
}

async fn party_keys(server: &Server) -> Vec<String> {
    let mut keys: Vec<String> = server.cli(&["KEYS", "*party:*"]).await;
    keys.sort();
    keys
}

async fn clear(store: &RedisStore, sequence: u64) {
    while store.clear(HOME, token(sequence)).await.expect("a step") == ClearOutcome::More {}
}

pub(crate) async fn empty_lists_of_parties_leave_no_key() {
    for (kind, p) in [(Kind::Single, "3"), (Kind::Cluster, "{p3}")] {
        let server = Server::start(kind, &[]).await;
        let store = server.store();
        let parties = OrderParties { customer: id("amir"), merchant: id("a:{p9} *"), courier: id("lucia") };
        let first = write(1, 1);
        let placed = of(&first.documents[0], parties.clone());
        apply(&store, &StoreWrite { documents: vec![placed.clone()], ..first }).await;
        let key = |party: &str| format!("party:{p}:{party}");
        let kept = [key("courier:lucia"), key("customer:amir"), key("merchant:a:{p9} *")];
        assert_eq!(party_keys(&server).await, kept);
        let changed = sample::time(5).as_millis().to_string();
        let score = ["ZSCORE", &kept[2], placed.order_id.as_str()];
        assert_eq!(server.cli::<String>(&score).await, changed);

        // Without its courier.
        let entry = IndexEntry {
            status: placed.status,
            changed_at: placed.changed_at,
            courier: parties.courier.clone(),
        };
        let released = of(&placed, OrderParties { courier: None, ..parties });
        let released = DocumentWrite { previous: Some(entry), ..released };
        apply(&store, &StoreWrite { documents: vec![released], ..write(2, 0) }).await;
        assert_eq!(party_keys(&server).await, &kept[1..]);
        clear(&store, 2).await;
        assert_eq!(party_keys(&server).await, Vec::<String>::new());
    }
}

/// Also those of orders that the partition's index does not name.
pub(crate) async fn clear_removes_the_lists_of_parties_of_its_partition_only() {
    for kind in [Kind::Single, Kind::Cluster] {
        let server = Server::start(kind, &[]).await;
        let other = server.store_with(|config| config.key_prefix = "eu:".to_owned());
        let store = server.store();
        let parties = |n: usize| OrderParties { customer: id(&format!("c-{n}")), ..OrderParties::default() };
        let mut written = write(1, 3_000);
        written.documents =
            written.documents.iter().enumerate().map(|(n, document)| of(document, parties(n))).collect();
        let elsewhere = sample::order_id_in(Partition(4), PARTITIONS, 0);
        let elsewhere = DocumentWrite {
            order_id: elsewhere.clone(),
            json: sample::document(&elsewhere, Status::Placed),
            ..written.documents[0].clone()
        };
        let elsewhere = of(&elsewhere, parties(0));
        let documents = vec![elsewhere.clone()];
        let elsewhere = StoreWrite { partition: Partition(4), documents, ..write(1, 0) };
        let few = StoreWrite { documents: written.documents[..1].to_vec(), ..write(1, 0) };
        for (store, write) in [(&store, &written), (&store, &elsewhere), (&other, &few)] {
            apply(store, write).await;
        }
        assert_eq!(party_keys(&server).await.len(), 3_002);
        let index = if kind == Kind::Cluster { "status:{p3}:PLACED" } else { "status:3:PLACED" };
        assert_eq!(server.cli::<usize>(&["DEL", index]).await, 1);
        clear(&store, 1).await;
        assert_eq!(party_keys(&server).await.len(), 2, "{kind:?}");
        let party = PartyFilter { role: PartyRole::Customer, id: parties(0).customer.expect("an id") };
        let query = ListQuery { party: Some(party), limit: 10, ..ListQuery::default() };
        for (store, documents) in [(&store, &elsewhere.documents), (&other, &few.documents)] {
            let page = store.list(&query).await.expect("a page");
            assert_eq!(page.documents, [documents[0].json.clone()], "{kind:?}");
        }
    }
}

/// Round trips of a page, with `few` orders and with a hundred times as many.
pub(crate) async fn a_page_of_a_large_party_costs_as_much_as_of_a_small_one() {
    let server = Server::start(Kind::Single, &[]).await;
    let store = server.store();
    let merchant = PartyFilter { role: PartyRole::Merchant, id: id("bloom").expect("an id") };
    let parties = OrderParties { merchant: Some(merchant.id.clone()), ..OrderParties::default() };
    let reads = async || {
        let stats: String = server.cli(&["INFO", "stats"]).await;
        let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        reads.and_then(|reads| reads.trim().parse::<u64>().ok()).expect("a count")
    };
    let mut costs = Vec::new();
    for (sequence, orders) in [(1, 80), (2, 20_000)] {
        let written = write(sequence, orders);
        let documents = written.documents.iter().map(|document| of(document, parties.clone()));
        apply(&store, &StoreWrite { documents: documents.collect(), ..written }).await;
        for status in [None, Some(Status::Placed)] {
            let query =
                ListQuery { party: Some(merchant.clone()), status, limit: 50, ..ListQuery::default() };
            // The first call loads the scripts.
            store.list(&query).await.expect("a page");
            let [before, of_question] = [reads().await, reads().await];
            let begin = Instant::now();
            let page = store.list(&query).await.expect("a page");
            let took = begin.elapsed();
            let round_trips = reads().await - of_question - (of_question - before);
            assert_eq!((page.documents.len(), page.next.is_some()), (50, true));
            assert!(took.as_secs() < 5, "{took:?}");
            costs.push(round_trips);
        }
    }
    // Index, one more range of the only partition that has orders, orders in the status, documents.
    assert_eq!(costs, [3, 4, 3, 4]);
    // A status that no order has: the page inspects a bounded number of entries and names the next position.
    let query = ListQuery {
        party: Some(merchant),
        status: Some(Status::Returned),
        limit: 50,
        ..ListQuery::default()
    };
    let page = store.list(&query).await.expect("a page");
    assert!(page.documents.is_empty() && page.next.is_some());
}
