//! The name that distinguishes the processes of one program.

use clap::Args;

/// Flags of a process of which several may run.
#[derive(Args, Debug, Clone)]
pub struct InstanceArgs {
    /// The name of this process in logs and at the brokers [default: the machine's name and the process id]
    #[arg(long, env = "LOGISTICS_INSTANCE", value_name = "NAME")]
    instance: Option<String>,
}

impl InstanceArgs {
    /// The name of this process, which begins with the program's name.
    #[must_use]
    pub fn name(&self, program: &str) -> String {
        let own = || {
            let host = host().map_or_else(String::new, |host| format!("{host}-"));
            format!("{host}{}", std::process::id())
        };
        let name = self.instance.clone().unwrap_or_else(own);
        // The name of a pod begins with its program already.
        if name.starts_with(program) { name } else { format!("{program}-{name}") }
    }
}

/// The machine's name, from the environment in containers, else from the system's file.
fn host() -> Option<String> {
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname")).ok()?;
    let host = host.trim();
    (!host.is_empty() && !host.contains(char::is_whitespace)).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_contains_the_program_once() {
        let name =
            |instance: Option<&str>| InstanceArgs { instance: instance.map(str::to_owned) }.name("order-api");
        assert_eq!(name(Some("blue")), "order-api-blue");
        assert_eq!(name(Some("order-api-7c9f4-x2x")), "order-api-7c9f4-x2x");
        assert!(name(None).ends_with(&format!("-{}", std::process::id())));
    }
}
