//! Packing a write for its script.

use std::collections::BTreeMap;

use deadpool_redis::redis::Cmd;
use logistics_core::PartyId;
use logistics_core::lifecycle::STATUSES;
use logistics_core::limits::OUTCOME_KEPT_MS;
use logistics_core::port::{DocumentWrite, PartyRole, StoreWrite};

use crate::keys::Keys;
use crate::script::{By, WRITE};

/// A write, ready to be sent.
pub(crate) struct Packed<'a> {
    write: &'a StoreWrite,
    keys: Vec<String>,
    sets: Vec<SetChange<'a>>,
    /// The number of sets before those of parties.
    checked: usize,
    outcomes: Vec<Vec<u8>>,
    bytes: usize,
}

/// The changes of one sorted set.
#[derive(Default)]
struct SetChange<'a> {
    key: String,
    removed: Vec<&'a str>,
    added: Vec<(i64, &'a str)>,
}

impl<'a> Packed<'a> {
    pub(crate) fn new(names: Keys, write: &'a StoreWrite) -> Result<Self, serde_json::Error> {
        let partition = write.partition;
        let mut sets = set_changes(names, write);
        let checked = sets.len();
        sets.extend(party_changes(names, write));
        let mut keys = vec![names.checkpoint(partition)];
        keys.extend(sets.iter().map(|set| set.key.clone()));
        keys.extend(write.documents.iter().map(|document| names.order(partition, &document.order_id)));
        keys.extend(write.outcomes.iter().map(|(request, _)| names.outcome(partition, request)));
        let outcomes = write.outcomes.iter().map(|(_, outcome)| serde_json::to_vec(outcome));
        let outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
        let documents = write.documents.iter().map(|document| document.json.len());
        // An id occurs in its key, the timers and the index; the rest are numbers.
        let names: usize = keys.iter().map(|key| key.len() * 4 + 64).sum();
        let bytes = documents.sum::<usize>() + names + outcomes.iter().map(Vec::len).sum::<usize>();
        Ok(Self { write, keys, sets, checked, outcomes, bytes })
    }

    pub(crate) fn call(&self, by: By) -> Cmd {
        let Self { write, keys, sets, checked, outcomes, bytes } = self;
        let members: usize = sets.iter().map(|set| 2 + set.removed.len() + 2 * set.added.len()).sum();
        let arguments = 9 + members + write.documents.len() + outcomes.len();
        let mut call = WRITE.call(by, keys.len(), arguments, *bytes);
        call.arg(keys)
            .arg(write.expected.map_or_else(String::new, |token| token.to_string()))
            .arg(write.next.to_string())
            .arg(write.offset.0)
            .arg(write.answered.0)
            .arg(OUTCOME_KEPT_MS)
            .arg(sets.len())
            .arg(write.documents.len())
            .arg(&write.basis[..])
            .arg(*checked);
        for set in sets {
            call.arg(set.removed.len()).arg(2 * set.added.len());
        }
        for document in &write.documents {
            call.arg(&document.json[..]);
        }
        for outcome in outcomes {
            call.arg(outcome);
        }
        for set in sets {
            call.arg(&set.removed);
            for (score, member) in &set.added {
                call.arg(score).arg(member);
            }
        }
        call
    }
}

/// The timers, and the index of every status that the write touches.
fn set_changes(names: Keys, write: &StoreWrite) -> Vec<SetChange<'_>> {
    let mut timers = SetChange { key: names.timers(write.partition), ..SetChange::default() };
    let mut tardy = SetChange { key: names.late(write.partition), ..SetChange::default() };
    let mut index = STATUSES.map(|_| SetChange::default());
    for DocumentWrite { order_id, status, changed_at, previous, due, rebuilt, late, .. } in &write.documents {
        let id = order_id.as_str();
        match due {
            Some(due) => timers.added.push((due.as_millis(), id)),
            None => timers.removed.push(id),
        }
        match late {
            true => tardy.added.push((changed_at.as_millis(), id)),
            // A new order was never late.
            false if previous.is_some() || *rebuilt => tardy.removed.push(id),
            false => {}
        }
        index[status.index()].added.push((changed_at.as_millis(), id));
        if *rebuilt {
            let others = STATUSES.into_iter().filter(|other| other != status);
            others.for_each(|other| index[other.index()].removed.push(id));
            continue;
        }
        // Without a change of status, `ZADD` updates the score.
        if let Some(before) = previous.as_ref().filter(|before| before.status != *status) {
            index[before.status.index()].removed.push(id);
        }
    }
    let index = STATUSES
        .into_iter()
        .zip(index)
        .map(|(status, set)| SetChange { key: names.status(write.partition, status), ..set });
    let touched = |set: &SetChange<'_>| !(set.removed.is_empty() && set.added.is_empty());
    [timers, tardy].into_iter().chain(index).filter(touched).collect()
}

/// The lists of the parties that the write touches. Redis removes a sorted set with its last member.
fn party_changes(names: Keys, write: &StoreWrite) -> impl Iterator<Item = SetChange<'_>> {
    let mut changes: BTreeMap<(PartyRole, &PartyId), SetChange<'_>> = BTreeMap::new();
    for DocumentWrite { order_id, changed_at, parties, previous, .. } in &write.documents {
        let id = order_id.as_str();
        for party in parties.iter() {
            changes.entry(party).or_default().added.push((changed_at.as_millis(), id));
        }
        // Customer and merchant never change.
        let courier = previous.as_ref().and_then(|previous| previous.courier.as_ref());
        if let Some(former) = courier.filter(|courier| parties.courier.as_ref() != Some(courier)) {
            changes.entry((PartyRole::Courier, former)).or_default().removed.push(id);
        }
    }
    changes
        .into_iter()
        .map(move |((role, id), set)| SetChange { key: names.party(write.partition, role, id), ..set })
}

#[cfg(test)]
mod tests {
    use logistics_core::lifecycle::Status;
    use logistics_core::port::{IndexEntry, OrderParties, Token};
    use logistics_core::{Offset, OrderId, Partition, Timestamp};

    use super::*;

    #[test]
    fn the_arguments_are_in_the_order_of_the_script() {
        let party = |id: &str| PartyId::parse(id).ok();
        let document = |id: &str, previous, due: Option<i64>| DocumentWrite {
            order_id: OrderId::parse(id).expect("an order id"),
            json: format!("<{id}>").into_bytes().into(),
            status: Status::Confirmed,
            changed_at: Timestamp::from_millis(5),
            parties: OrderParties { customer: party("amir"), merchant: None, courier: party(id) },
            previous,
            rebuilt: false,
            late: false,
            due: due.map(Timestamp::from_millis),
        };
        let before =
            |status| Some(IndexEntry { status, changed_at: Timestamp::from_millis(1), courier: party("a") });
        let write = StoreWrite {
            partition: Partition(2),
            expected: None,
            next: Token { acquisition: 1, sequence: u64::MAX },
            offset: Offset(u64::MAX),
            answered: Offset(7),
            basis: "basis".into(),
            documents: vec![
                document("a", before(Status::Placed), Some(9)),
                document("b", before(Status::Confirmed), None),
            ],
            outcomes: Vec::new(),
        };
        let packed = Packed::new(Keys::Plain(""), &write).expect("a packed write");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let call = packed.call(By::Hash);
        let sent: Vec<String> = call
            .args_iter()
            .map(|argument| match argument {
                deadpool_redis::redis::Arg::Simple(bytes) => text(bytes),
                _ => "cursor".to_owned(),
            })
            .skip(2)
            .collect();
        #[rustfmt::skip]
        let wanted = [
            "10", "checkpoint:2", "timers:2", "late:2", "status:2:PLACED", "status:2:CONFIRMED",
            "party:2:customer:amir", "party:2:courier:a", "party:2:courier:b", "order:a", "order:b",
            "", "00000000000000000000000000000001-18446744073709551615", "18446744073709551615", "7", "300000", "7", "2", "basis", "4",
            "1", "2", "2", "0", "1", "0", "0", "4", "0", "4", "1", "2", "0", "2", "<a>", "<b>",
            "b", "9", "a", "a", "b", "a", "5", "a", "5", "b", "5", "a", "5", "b", "b", "5", "a", "5", "b",
        ];
        assert_eq!(sent, wanted);
    }
}
