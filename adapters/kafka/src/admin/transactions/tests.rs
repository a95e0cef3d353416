//! What the responses of brokers lead to.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{Transaction, answers};
use super::*;

/// A broker that answers only these three requests.
#[derive(Clone, Default)]
struct Broker {
    /// The producers of the partition, and where the transaction of each begins: one answer after the other.
    producers: Vec<Vec<(i64, i64)>>,
    transaction: Option<Transaction>,
}

impl Broker {
    async fn start(self) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream));
            }
        });
        Address { host: "127.0.0.1".to_owned(), port }
    }

    /// Serves until the client disconnects.
    async fn serve(mut self, mut stream: TcpStream) {
        while let Ok(length) = stream.read_i32().await {
            let mut frame = vec![0; usize::try_from(length).expect("a length")];
            stream.read_exact(&mut frame).await.expect("the question");
            let (key, number) = answers::question(&frame);
            let answer = match (key, &self.transaction) {
                (61, _) => answers::producers(number, &self.producers.remove(0)),
                (66, None) => answers::transactions(number, &[]),
                (66, Some(_)) => answers::transactions(number, &["theirs"]),
                (65, Some(transaction)) => answers::transaction(number, "theirs", transaction),
                other => panic!("{other:?}"),
            };
            stream.write_i32(i32::try_from(answer.len()).expect("a length")).await.expect("it is sent");
            stream.write_all(&answer).await.expect("it is sent");
        }
    }
}

fn theirs(state: &str, partition: i32) -> Option<Transaction> {
    Some(Transaction {
        state: state.to_owned(),
        timeout_ms: 60_000,
        started_ms: 12,
        partitions: vec![("orders".to_owned(), partition)],
    })
}

async fn found(
    producers: &[&[(i64, i64)]],
    transaction: Option<Transaction>,
) -> Result<HidingTransaction, String> {
    let producers = producers.iter().map(|producers| producers.to_vec()).collect();
    let leader = Broker { producers, transaction: None }.start().await;
    let coordinator = Broker { producers: Vec::new(), transaction }.start().await;
    let brokers = vec![leader.clone(), coordinator];
    inquiry().run(Addresses { leader: Some(leader), brokers }).await
}

fn inquiry() -> Inquiry<'static> {
    Inquiry { topic: "orders", partition: 3, client_id: "me", limit: Duration::from_secs(10) }
}

#[tokio::test]
async fn an_open_transaction_is_named_by_its_coordinator() {
    for state in ["Ongoing", "PrepareCommit", "PrepareAbort"] {
        let hiding = found(&[&[(10, -1), (9, 5)]], theirs(state, 3)).await.expect("they answer");
        let HidingTransaction::Open(open) = hiding else { panic!("{hiding:?}") };
        assert_eq!((&*open.transactional_id, open.producer_id, &*open.state), ("theirs", 9, state));
    }
}

#[tokio::test]
async fn an_end_that_the_partition_never_got_is_lost() {
    let open: &[(i64, i64)] = &[(9, 5)];
    for coordinated in [None, theirs("CompleteCommit", 3), theirs("Empty", 3), theirs("Ongoing", 0)] {
        assert_eq!(found(&[open, open], coordinated).await, Ok(HidingTransaction::Lost));
    }
}

#[tokio::test]
async fn a_transaction_that_ends_during_the_query_is_not_lost() {
    let open: &[(i64, i64)] = &[(9, 5)];
    for after in [&[][..], &[(9, -1)], &[(9, 8)]] {
        assert_eq!(found(&[open, after], theirs("CompleteCommit", 3)).await, Ok(HidingTransaction::NoneOpen));
    }
    assert_eq!(found(&[&[(9, -1)]], None).await, Ok(HidingTransaction::NoneOpen));
}

#[tokio::test]
async fn a_coordinator_that_does_not_answer_leaves_it_open() {
    let leader = Broker { producers: vec![vec![(9, 5)]; 2], transaction: None }.start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address =
        Address { host: "127.0.0.1".to_owned(), port: gone.local_addr().expect("its address").port() };
    drop(gone);
    let addresses = Addresses { leader: Some(leader.clone()), brokers: vec![leader, address.clone()] };
    let why = inquiry().run(addresses).await.expect_err("it may have the transaction");
    assert!(why.contains(&format!("cannot connect to {address}")), "{why}");
}

#[test]
fn the_transactional_id_of_another_client_is_escaped() {
    let open = OpenTransaction {
        transactional_id: "a\u{1b}[2J\n\u{202e}".to_owned(),
        producer_id: 7,
        state: "Ongoing".to_owned(),
        started_ms: 0,
        timeout_ms: 60_000,
    };
    let text = open.to_string();
    assert!(text.is_ascii() && !text.contains(|c: char| c.is_control()), "{text}");
    assert!(text.contains(r"a\u{1b}[2J\n\u{202e}") && text.contains("1970-01-01T00:01:00"), "{text}");
}
