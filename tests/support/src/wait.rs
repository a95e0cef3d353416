//! Waiting until something is so.

use std::thread::sleep;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(200);

/// Looks again and again until there is an answer. `look` says why there is none yet.
///
/// # Panics
/// When there is none within the limit, with what was said last.
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
    fn the_answer_comes_when_it_is_there() {
        let mut asked = 0;
        let answer = until("it is asked twice", Duration::from_secs(10), || {
            asked += 1;
            if asked < 2 { Err("not yet".to_owned()) } else { Ok(asked) }
        });
        assert_eq!(answer, 2);
    }

    #[test]
    #[should_panic(expected = "in vain until it rains: the sun shines")]
    fn what_never_comes_is_not_waited_for_for_ever() {
        until("it rains", Duration::ZERO, || Err::<(), _>("the sun shines".to_owned()));
    }
}
