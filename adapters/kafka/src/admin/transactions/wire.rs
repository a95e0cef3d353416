//! The three requests about transactions as bytes, by Kafka's protocol guide: `DescribeProducers`, `ListTransactions` and
//! `DescribeTransactions`, each in version 0, which every broker since Kafka 3.0 takes. All three are flexible versions: compact
//! strings and arrays, and tagged fields at the end of each structure. Written here, since a crate of all of Kafka's messages has
//! 91,000 lines for these three.

/// A response that is truncated or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// A request: its API key and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    key: i16,
    body: Vec<u8>,
}

impl Request {
    /// The producers of a partition, from its leader.
    pub(super) fn producers(topic: &str, partition: i32) -> Self {
        let mut body = Writer::default();
        body.length(1).text(topic);
        body.length(1).i32(partition);
        body.tags().tags();
        Self { key: 61, body: body.0 }
    }

    /// The transactions of a producer that a broker coordinates, in any state.
    pub(super) fn transactions(producer_id: i64) -> Self {
        let mut body = Writer::default();
        body.length(0);
        body.length(1).i64(producer_id);
        body.tags();
        Self { key: 66, body: body.0 }
    }

    /// One transaction, from its coordinator.
    pub(super) fn transaction(transactional_id: &str) -> Self {
        let mut body = Writer::default();
        body.length(1).text(transactional_id);
        body.tags();
        Self { key: 65, body: body.0 }
    }

    /// The frame to send: its length, the header and the body.
    pub(super) fn frame(&self, correlation: i32, client_id: &str) -> Vec<u8> {
        let mut content = Writer::default();
        content.i16(self.key).i16(0).i32(correlation);
        // The header's only text is not compact, in flexible versions too.
        let client_id = &client_id.as_bytes()[..client_id.len().min(i16::MAX as usize)];
        content.i16(i16::try_from(client_id.len()).unwrap_or_default());
        content.0.extend_from_slice(client_id);
        content.tags();
        content.0.extend_from_slice(&self.body);
        let mut frame = Writer::default();
        frame.i32(i32::try_from(content.0.len()).unwrap_or(i32::MAX));
        frame.0.extend_from_slice(&content.0);
        frame.0
    }
}

/// A producer that has a transaction open in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenProducer {
    pub(super) id: i64,
    /// The first offset of its transaction.
    pub(super) start: i64,
}

/// A transaction as its coordinator has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) state: String,
    pub(super) timeout_ms: i32,
    /// Negative where none is open.
    pub(super) started_ms: i64,
    pub(super) partitions: Vec<(String, i32)>,
}

/// An error code of a broker.
pub(super) type ErrorCode = i16;

/// The content of a response, or the error code of the broker.
pub(super) type Decoded<T> = Result<Result<T, ErrorCode>, Malformed>;

/// The producers with an open transaction.
pub(super) fn producers(answer: &[u8]) -> Decoded<Vec<OpenProducer>> {
    let mut answer = Reader::answer(answer)?;
    answer.i32()?;
    let (mut open, mut failed) = (Vec::new(), None);
    for _ in 0..answer.length()? {
        answer.text()?;
        for _ in 0..answer.length()? {
            answer.i32()?;
            let error = answer.i16()?;
            answer.text()?;
            for _ in 0..answer.length()? {
                let id = answer.i64()?;
                // Its epoch, its last sequence number, its last time, and the coordinator's epoch.
                answer.skip(4 + 4 + 8 + 4)?;
                let start = answer.i64()?;
                answer.tags()?;
                if start >= 0 {
                    open.push(OpenProducer { id, start });
                }
            }
            answer.tags()?;
            failed = failed.or(Some(error).filter(|error| *error != 0));
        }
        answer.tags()?;
    }
    answer.tags()?;
    Ok(failed.map_or(Ok(open), Err))
}

/// The transactional ids.
pub(super) fn transactions(answer: &[u8]) -> Decoded<Vec<String>> {
    let mut answer = Reader::answer(answer)?;
    answer.i32()?;
    let error = answer.i16()?;
    for _ in 0..answer.length()? {
        answer.text()?;
    }
    let mut ids = Vec::new();
    for _ in 0..answer.length()? {
        ids.push(answer.text()?);
        answer.skip(8)?;
        answer.text()?;
        answer.tags()?;
    }
    answer.tags()?;
    Ok(if error == 0 { Ok(ids) } else { Err(error) })
}

/// The transaction; `None` if the coordinator has none.
pub(super) fn transaction(answer: &[u8]) -> Decoded<Option<Transaction>> {
    let mut answer = Reader::answer(answer)?;
    answer.i32()?;
    let mut found = Ok(None);
    for _ in 0..answer.length()? {
        let error = answer.i16()?;
        answer.text()?;
        let state = answer.text()?;
        let (timeout_ms, started_ms) = (answer.i32()?, answer.i64()?);
        answer.skip(8 + 2)?;
        let mut partitions = Vec::new();
        for _ in 0..answer.length()? {
            let topic = answer.text()?;
            for _ in 0..answer.length()? {
                partitions.push((topic.clone(), answer.i32()?));
            }
            answer.tags()?;
        }
        answer.tags()?;
        found = match error {
            0 => Ok(Some(Transaction { state, timeout_ms, started_ms, partitions })),
            UNKNOWN_TRANSACTIONAL_ID => Ok(None),
            error => Err(error),
        };
    }
    answer.tags()?;
    Ok(found)
}

/// `TRANSACTIONAL_ID_NOT_FOUND`.
const UNKNOWN_TRANSACTIONAL_ID: ErrorCode = 105;

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn i16(&mut self, value: i16) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    fn i32(&mut self, value: i32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// The length of a compact text or array plus one, in groups of seven bits, the lowest first.
    fn length(&mut self, length: usize) -> &mut Self {
        let mut rest = length + 1;
        while rest >= 0x80 {
            self.0.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// No tagged fields.
    fn tags(&mut self) -> &mut Self {
        self.0.push(0);
        self
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader after the header of the response: the correlation id and tagged fields.
    fn answer(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut answer = Self(bytes);
        answer.i32()?;
        answer.tags()?;
        Ok(answer)
    }

    fn skip(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        self.skip(LENGTH)?.try_into().map_err(|_| Malformed)
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value as usize);
            }
        }
        Err(Malformed)
    }

    /// The length of a compact text or array; 0 for null. Each element has at least one byte.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = self.varint()?.saturating_sub(1);
        if length <= self.0.len() { Ok(length) } else { Err(Malformed) }
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = self.length()?;
        Ok(String::from_utf8_lossy(self.skip(length)?).into_owned())
    }

    /// Skips tagged fields.
    fn tags(&mut self) -> Result<(), Malformed> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.skip(length)?;
        }
        Ok(())
    }
}

/// Responses in the encoding of brokers, for tests.
#[cfg(test)]
pub(super) mod answers {
    use super::{Transaction, Writer};

    /// The API key and the correlation id of a request.
    pub(crate) fn question(frame: &[u8]) -> (i16, i32) {
        let key = i16::from_be_bytes([frame[0], frame[1]]);
        (key, i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]))
    }

    fn begin(number: i32) -> Writer {
        let mut bytes = Writer::default();
        bytes.i32(number).tags().i32(0);
        bytes
    }

    /// The producers of one partition, with the first offset of each transaction.
    pub(crate) fn producers(number: i32, producers: &[(i64, i64)]) -> Vec<u8> {
        let mut bytes = begin(number);
        bytes.length(1).text("orders");
        bytes.length(1).i32(3).i16(0).0.push(0);
        bytes.length(producers.len());
        for (id, start) in producers {
            bytes.i64(*id).i32(1).i32(2).i64(3).i32(4).i64(*start).tags();
        }
        bytes.tags().tags().tags();
        bytes.0
    }

    pub(crate) fn transactions(number: i32, ids: &[&str]) -> Vec<u8> {
        let mut bytes = begin(number);
        bytes.i16(0).length(0);
        bytes.length(ids.len());
        for id in ids {
            bytes.text(id).i64(9).text("Ongoing").tags();
        }
        bytes.tags();
        bytes.0
    }

    pub(crate) fn transaction(number: i32, id: &str, transaction: &Transaction) -> Vec<u8> {
        let mut bytes = begin(number);
        bytes.length(1).i16(0).text(id).text(&transaction.state);
        bytes.i32(transaction.timeout_ms).i64(transaction.started_ms).i64(9).i16(0);
        bytes.length(transaction.partitions.len());
        for (topic, partition) in &transaction.partitions {
            bytes.text(topic).length(1).i32(*partition).tags();
        }
        bytes.tags().tags();
        bytes.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_encoding_of_the_protocol() {
        let frame = Request::producers("orders", 3).frame(7, "me");
        let expected: [&[u8]; 6] = [
            &[0, 0, 0, 28],
            // API key, version, correlation id, client id, no tagged fields.
            &[0, 61, 0, 0, 0, 0, 0, 7, 0, 2, b'm', b'e', 0],
            &[2, 7],
            b"orders",
            &[2, 0, 0, 0, 3],
            &[0, 0],
        ];
        assert_eq!(frame, expected.concat());
        let long = "x".repeat(200);
        let body = Request::transaction(&long).body;
        assert_eq!((&body[..3], body.len()), (&[2, 0xc9, 1][..], 204));
    }

    #[test]
    fn open_transactions_are_found() {
        // Producer 10 has none open.
        let answer = answers::producers(7, &[(9, 5), (10, -1)]);
        assert_eq!(producers(&answer), Ok(Ok(vec![OpenProducer { id: 9, start: 5 }])));
        assert_eq!(transactions(&answers::transactions(7, &["theirs"])), Ok(Ok(vec!["theirs".to_owned()])));
        let open = Transaction {
            state: "Ongoing".to_owned(),
            timeout_ms: 60_000,
            started_ms: 12,
            partitions: vec![("orders".to_owned(), 0), ("orders".to_owned(), 3)],
        };
        assert_eq!(transaction(&answers::transaction(7, "theirs", &open)), Ok(Ok(Some(open))));
    }

    #[test]
    fn a_truncated_response_is_malformed() {
        let whole = answers::producers(7, &[(9, 5), (10, -1)]);
        for length in 0..whole.len() {
            assert_eq!(producers(&whole[..length]), Err(Malformed), "{length} bytes");
        }
    }

    #[test]
    fn a_length_beyond_the_response_allocates_nothing() {
        let bytes = [&[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert_eq!(transactions(&bytes), Err(Malformed));
    }
}
