//! The flags that select the log to read.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use logistics_cli_kit::{AccessArgs, BaseUrl};
#[cfg(feature = "cluster")]
use logistics_wiring::cluster::{KafkaArgs, RedisArgs};

use crate::client::ServerArgs;
use crate::engine::{DataArgs, EngineArgs, EngineKind};

/// Where the log is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The log of a running server.
    Served(Box<ServerArgs>),
    /// The stored log: in a data directory whose process is stopped, or in Kafka.
    Stored(Box<EngineArgs>),
}

impl Source {
    /// Whether the log is in a data directory.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Stored(engine) if engine.engine == EngineKind::Embedded)
    }
}

/// The flags.
#[derive(Args, Debug)]
struct Flags {
    /// Read from the server at this URL [default: http://127.0.0.1:8000]
    #[arg(long, env = "LOGISTICS_URL")]
    url: Option<BaseUrl>,
    #[command(flatten)]
    access: AccessArgs,
    /// Read from this data directory instead; its process must be stopped
    #[arg(long, env = "LOGISTICS_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Read from the storage of this engine instead: a data directory, or Kafka
    #[arg(long, env = "LOGISTICS_ENGINE", value_enum)]
    engine: Option<EngineKind>,
    /// Partitions of the log [default: those of the data directory; 12 in Kafka]
    #[arg(long, env = "LOGISTICS_PARTITIONS", value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: Option<u32>,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    kafka: KafkaArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    redis: RedisArgs,
}

impl Flags {
    fn served(self) -> Source {
        Source::Served(Box::new(ServerArgs { url: self.url.unwrap_or_default(), access: self.access }))
    }

    fn stored(self, engine: EngineKind) -> Source {
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from("data"));
        Source::Stored(Box::new(EngineArgs {
            engine,
            data: DataArgs { data_dir, partitions: self.partitions },
            #[cfg(feature = "cluster")]
            kafka: self.kafka,
            #[cfg(feature = "cluster")]
            redis: self.redis,
        }))
    }
}

impl FromArgMatches for Source {
    /// The command line takes precedence over the environment, which may set every flag.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let flags = Flags::from_arg_matches(matches)?;
        let given = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        let (url, data_dir, engine) = (given("url"), given("data_dir"), given("engine"));
        let in_cluster = flags.engine == Some(EngineKind::Cluster);
        if url && (data_dir || engine) || data_dir && engine && in_cluster {
            let message = "choose one source: --url, --data-dir, or --engine cluster\n";
            return Err(Error::raw(ErrorKind::ArgumentConflict, message));
        }
        Ok(match (&flags.url, &flags.data_dir, flags.engine) {
            (Some(_), _, _) if url => flags.served(),
            (_, Some(_), _) if data_dir => flags.stored(EngineKind::Embedded),
            (_, _, Some(kind)) if engine || kind == EngineKind::Cluster => flags.stored(kind),
            (_, Some(_), _) => flags.stored(EngineKind::Embedded),
            (_, None, _) => flags.served(),
        })
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
        // The test ignores the environment.
        let names: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
        let command = names
            .into_iter()
            .fold(command, |command, name| command.mut_arg(name, |arg| arg.env(None::<&str>)));
        let matches = command.try_get_matches_from([&["log"], args].concat())?;
        Source::from_arg_matches(&matches)
    }

    #[test]
    fn the_default_is_the_local_server() {
        let url = |source: Source| matches!(source, Source::Served(server) if server.url.to_string() == BaseUrl::DEFAULT);
        assert!(source(&[]).is_ok_and(url));
        assert!(source(&["--url", "http://there:81"]).is_ok_and(|there| matches!(there, Source::Served(_))));
        assert!(source(&["--data-dir", "x"]).is_ok_and(|there| there.is_directory()));
        assert!(source(&["--engine", "embedded"]).is_ok_and(|there| there.is_directory()));
        let cluster = source(&["--engine", "cluster"]);
        assert!(cluster.is_ok_and(|there| matches!(there, Source::Stored(_)) && !there.is_directory()));
        assert!(source(&["--data-dir", "x", "--url", "http://there"]).is_err());
        assert!(source(&["--engine", "cluster", "--url", "http://there"]).is_err());
        assert!(source(&["--engine", "cluster", "--data-dir", "x"]).is_err());
    }
}
