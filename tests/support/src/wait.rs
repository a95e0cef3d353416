//! Waiting for a condition.

use std::thread::sleep;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(200);

/// Polls `look` until it returns a value. Until then, `look` returns the reason why there is none.
///
/// # Panics
/// If there is no value within the limit, with the last reason.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Ok(answer) => return answer,
            Err(why) => {
                assert!(Instant::now() < end, "waited {} s in vain until {what}: {why}", limit.as_secs());
            }
        }
        sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_returned_when_it_is_available() {
        let mut asked = 0;
        let answer = until("it is asked twice", Duration::from_secs(10), || {
            asked += 1;
            if asked < 2 { Err("not yet".to_owned()) } else { Ok(asked) }
        });
        assert_eq!(answer, 2);
    }

    #[test]
    #[should_panic(expected = "in vain until it rains: the sun shines")]
    fn the_wait_is_limited() {
        until("it rains", Duration::ZERO, || Err::<(), _>("the sun shines".to_owned()));
    }
}
