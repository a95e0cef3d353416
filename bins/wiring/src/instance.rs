//! What tells the processes of one program apart.

use clap::Args;

/// Flags of a process that has others like it.
#[derive(Args, Debug, Clone)]
pub struct InstanceArgs {
    /// What this process is called in logs and by the brokers [default: the machine's name and the process id]
    #[arg(long, env = "LOGISTICS_INSTANCE", value_name = "NAME")]
    instance: Option<String>,
}

impl InstanceArgs {
    /// The name of this process of that program.
    #[must_use]
    pub fn name(&self, program: &str) -> String {
        let own = || {
            let host = host().map_or_else(String::new, |host| format!("{host}-"));
            format!("{host}{}", std::process::id())
        };
        let name = self.instance.clone().unwrap_or_else(own);
        // A pod is already called by its program.
        if name.starts_with(program) { name } else { format!("{program}-{name}") }
    }
}

/// Containers have it in their environment, other machines of this kind in a file.
fn host() -> Option<String> {
    let host = std::env::var("HOSTNAME").or_else(|_| std::fs::read_to_string("/etc/hostname")).ok()?;
    let host = host.trim();
    (!host.is_empty() && !host.contains(char::is_whitespace)).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_once_which_program_it_is() {
        let name =
            |instance: Option<&str>| InstanceArgs { instance: instance.map(str::to_owned) }.name("order-api");
        assert_eq!(name(Some("blue")), "order-api-blue");
        assert_eq!(name(Some("order-api-7c9f4-x2x")), "order-api-7c9f4-x2x");
        assert!(name(None).ends_with(&format!("-{}", std::process::id())));
    }
}
