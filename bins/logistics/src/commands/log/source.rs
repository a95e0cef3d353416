//! Where the log is.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};

use crate::http::BaseUrl;

/// Where the log is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// At a server that runs.
    Served(BaseUrl),
    /// In a data directory whose process is stopped.
    Directory(PathBuf),
}

/// The flags themselves.
#[derive(Args, Debug)]
struct Flags {
    /// Read from the server there [default: http://127.0.0.1:8000]
    #[arg(long, env = "LOGISTICS_URL")]
    url: Option<BaseUrl>,
    /// Read this data directory instead; its process must be stopped
    #[arg(long, env = "LOGISTICS_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl FromArgMatches for Source {
    /// The command line counts before the environment, in which both may well be set.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let Flags { url, data_dir } = Flags::from_arg_matches(matches)?;
        let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (url, data_dir) {
            (Some(_), Some(_)) if given("url") && given("data_dir") => Err(Error::raw(
                ErrorKind::ArgumentConflict,
                "the log is read from --url or from --data-dir, not from both\n",
            )),
            (Some(url), Some(_)) if !given("data_dir") => Ok(Self::Served(url)),
            (_, Some(data_dir)) => Ok(Self::Directory(data_dir)),
            (url, None) => Ok(Self::Served(url.unwrap_or_default())),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Source {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(args: &[&str]) -> Result<Source, Error> {
        let command = Source::augment_args(Command::new("log"));
        // Nothing from the environment of whoever tests.
        let command = command.mut_arg("url", |arg| arg.env(None::<&str>));
        let command = command.mut_arg("data_dir", |arg| arg.env(None::<&str>));
        let matches = command.try_get_matches_from([&["log"], args].concat())?;
        Source::from_arg_matches(&matches)
    }

    #[test]
    fn it_is_the_usual_server_unless_told_otherwise() {
        let url =
            |source: Source| matches!(source, Source::Served(url) if url.to_string() == BaseUrl::DEFAULT);
        assert!(source(&[]).is_ok_and(url));
        assert!(source(&["--url", "http://there:81"]).is_ok_and(|there| matches!(there, Source::Served(_))));
        assert!(source(&["--data-dir", "x"]).is_ok_and(|there| matches!(there, Source::Directory(_))));
        assert!(source(&["--data-dir", "x", "--url", "http://there"]).is_err());
    }
}
