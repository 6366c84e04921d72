//! What only a process of its own shows: signals, closed pipes, full disks, pseudo terminals. This program runs itself: with
//! a role in the environment it is the tool under test, without one it runs the tests.
//!
//! Pseudo terminals are made by `script` of util-linux.

use std::process::ExitCode;

/// The environment variable that says which tool to be.
const ROLE: &str = "STUPS_TERMINAL_TEST_ROLE";

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(ROLE) {
        return tool::run(&role);
    }
    #[cfg(target_os = "linux")]
    tests::run_all();
    ExitCode::SUCCESS
}

/// The tools under test.
mod tool {
    use std::process::ExitCode;
    use std::time::Duration;

    use stups_terminal::{
        Choice, ConfigFile, Failure, Terminal, WatchArguments, completion_from_environment, until_interrupted, watch,
    };

    pub(crate) fn run(role: &str) -> ExitCode {
        // A test that fails must not leave a process behind.
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_mins(1));
            std::process::exit(99);
        });
        let terminal = Terminal::from_process();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        terminal.finish(runtime.block_on(until_interrupted(work(&terminal, role))))
    }

    async fn work(terminal: &Terminal, role: &str) -> Result<(), Failure> {
        match role {
            "endless" => {
                while !terminal.stdout_is_closed() {
                    terminal.print("line\n");
                }
                return Err(Failure::usage("end"));
            }
            "line" => terminal.print("line\n"),
            "watch" => {
                let arguments = WatchArguments {
                    every_two_seconds: true,
                    seconds: None,
                };
                let picture = |canvas: Terminal| async move {
                    canvas.print("picture\n");
                    Ok(())
                };
                return watch(terminal, &arguments, picture).await;
            }
            "wait" => {
                let action = terminal.action("Waiting..");
                action.progress();
                std::future::pending::<()>().await;
            }
            "prompt" => {
                let name = terminal.prompt("Name", None)?;
                let sure = terminal.confirm("Sure?", true)?;
                let color = terminal.choice("Colour", &[Choice::plain("red"), Choice::plain("green")], None)?;
                terminal.print(&format!("{name} {sure} {color}\n"));
            }
            "messages" => {
                terminal.info("message");
                terminal.action("Doing x..").ok();
                terminal.print("data\n");
            }
            "config" => {
                let config = ConfigFile::new("kio", "kio").load_with_environment(terminal);
                let url = config.get("url").and_then(|url| url.as_str()).unwrap_or_default();
                terminal.print(url);
            }
            "completion" => {
                let command = clap::Command::new("kio").subcommand(clap::Command::new("list"));
                terminal.print(&completion_from_environment("kio", command).unwrap_or_default());
            }
            other => panic!("no role {other}"),
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::process::{Child, Command, Output, Stdio};

    use super::ROLE;

    pub(crate) fn run_all() {
        let all: [(&str, fn()); 10] = [
            ("a_closed_pipe_ends_quietly", a_closed_pipe_ends_quietly),
            ("a_full_disk_is_an_error", a_full_disk_is_an_error),
            ("signals_abort", signals_abort),
            ("nohup_keeps_hangups_away", nohup_keeps_hangups_away),
            ("a_watched_screen_is_restored", a_watched_screen_is_restored),
            ("a_prompt_can_be_interrupted", a_prompt_can_be_interrupted),
            ("answers_are_typed_or_piped", answers_are_typed_or_piped),
            ("colours_need_a_terminal", colours_need_a_terminal),
            ("the_environment_overrides_the_file", the_environment_overrides_the_file),
            ("completions_from_the_environment", completions_from_the_environment),
        ];
        for (name, test) in all {
            test();
            println!("test {name} ... ok");
        }
    }

    /// This program in a role, without what the environment says of colours.
    fn tool(role: &str) -> Command {
        prepared(Command::new(std::env::current_exe().unwrap()), role)
    }

    /// As [`tool`], started by another program that becomes it.
    fn tool_by(starter: &[&str], role: &str) -> Command {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(std::env::current_exe().unwrap());
        prepared(command, role)
    }

    /// As [`tool`], on a pseudo terminal; what it shows is this command's stdout, its keyboard this command's stdin.
    fn tool_on_terminal(role: &str) -> Command {
        let mut script = Command::new("script");
        let program = std::env::current_exe().unwrap();
        script.args(["-qefc", &format!("exec '{}'", program.display()), "/dev/null"]);
        prepared(script, role)
    }

    fn prepared(mut command: Command, role: &str) -> Command {
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "KIO_URL", "_KIO_COMPLETE"] {
            command.env_remove(name);
        }
        command
            .env(ROLE, role)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// What is shown until `marker` is.
    fn read_until(from: &mut impl Read, marker: &str) -> String {
        let mut shown = Vec::new();
        let mut byte = [0];
        while !shown.ends_with(marker.as_bytes()) {
            assert_eq!(from.read(&mut byte).unwrap(), 1, "no {marker:?} in {:?}", text(&shown));
            shown.extend(byte);
        }
        text(&shown)
    }

    fn signal(child: &Child, name: &str) {
        let kill = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    fn with_input(mut command: Command, input: &str) -> Output {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn a_closed_pipe_ends_quietly() {
        let mut child = tool("endless").spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        read_until(&mut stdout, "line\n");
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stderr), "Error: end\n");
    }

    fn a_full_disk_is_an_error() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = tool("line").stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            text(&output.stderr),
            "Error: Could not write the output: No space left on device (os error 28)\n"
        );
    }

    fn signals_abort() {
        for name in ["-INT", "-TERM", "-HUP"] {
            // Whoever runs the tests may have said nohup.
            let mut child = tool_by(&["env", "--default-signal=HUP"], "wait").spawn().unwrap();
            let mut stderr = child.stderr.take().unwrap();
            read_until(&mut stderr, "Waiting.. .");
            signal(&child, name);
            let mut rest = String::new();
            stderr.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "\nAborted!\n");
            assert_eq!(child.wait().unwrap().code(), Some(1));
        }
    }

    fn nohup_keeps_hangups_away() {
        let mut child = tool_by(&["nohup"], "wait").spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        read_until(&mut stderr, "Waiting.. .");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 1, 1, "{status}");
        signal(&child, "-HUP");
        signal(&child, "-INT");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    fn a_watched_screen_is_restored() {
        let mut child = tool_on_terminal("watch").spawn().unwrap();
        let mut screen = child.stdout.take().unwrap();
        let shown = read_until(&mut screen, "\x1b[J");
        assert_eq!(shown, "\x1b[?25l\x1b[2J\x1b[Hpicture\x1b[K\r\n\x1b[J");
        // The second picture is drawn over the first.
        assert_eq!(read_until(&mut screen, "\x1b[J"), "\x1b[Hpicture\x1b[K\r\n\x1b[J");
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(b"\x03").unwrap();
        let mut rest = String::new();
        screen.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("\x1b[0m\x1b[?25hAborted!\r\n"), "{rest:?}");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    fn a_prompt_can_be_interrupted() {
        let mut child = tool_on_terminal("prompt").spawn().unwrap();
        let mut screen = child.stdout.take().unwrap();
        read_until(&mut screen, "Name: ");
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(b"\x03").unwrap();
        let mut rest = String::new();
        screen.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("\r\nAborted!\r\n"), "{rest:?}");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }

    fn answers_are_typed_or_piped() {
        let output = with_input(tool("prompt"), "x\n\n2\n");
        assert_eq!(text(&output.stdout), "Name: Sure? [Y/n]: x true green\n");
        assert_eq!(text(&output.stderr), "Colour\n1) red\n2) green\nPlease select (1-2): ");
        let output = with_input(tool("prompt"), "x\n");
        assert_eq!(text(&output.stderr), "Aborted!\n");
        assert_eq!(output.status.code(), Some(1));

        let mut child = tool_on_terminal("prompt").spawn().unwrap();
        let mut screen = child.stdout.take().unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        for (question, answer) in [("Name: ", "x\n"), ("[Y/n]: ", "n\n"), ("(1-2): ", "1\n")] {
            read_until(&mut screen, question);
            keyboard.write_all(answer.as_bytes()).unwrap();
        }
        read_until(&mut screen, "x false red\r\n");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    fn colours_need_a_terminal() {
        let colored = "\x1b[34m\x1b[1mmessage\x1b[0m\r\n\
                       \x1b[1mDoing x..\x1b[0m\x1b[32m\x1b[1m OK\x1b[0m\r\ndata\r\n";
        let plain = "message\r\nDoing x.. OK\r\ndata\r\n";
        let shown = |variable: Option<(&str, &str)>| {
            let output = tool_on_terminal("messages").envs(variable).output().unwrap();
            text(&output.stdout)
        };
        assert_eq!(shown(None), colored);
        assert_eq!(shown(Some(("NO_COLOR", "1"))), plain);
        assert_eq!(shown(Some(("TERM", "dumb"))), plain);

        let output = tool("messages").output().unwrap();
        assert_eq!(text(&output.stdout), "data\n");
        assert_eq!(text(&output.stderr), "message\nDoing x.. OK\n");
        let output = tool("messages").env("CLICOLOR_FORCE", "1").output().unwrap();
        assert_eq!(
            text(&output.stderr),
            colored.replace("\r\n", "\n").replace("data\n", "")
        );
    }

    fn the_environment_overrides_the_file() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("kio")).unwrap();
        std::fs::write(directory.path().join("kio/kio.yaml"), "url: https://file\n").unwrap();
        let config = || {
            let mut command = tool("config");
            command.env("XDG_CONFIG_HOME", directory.path());
            command
        };
        assert_eq!(text(&config().output().unwrap().stdout), "https://file");
        let output = config().env("KIO_URL", "https://environment").output().unwrap();
        assert_eq!(text(&output.stdout), "https://environment");
    }

    fn completions_from_the_environment() {
        let output = tool("completion").env("_KIO_COMPLETE", "fish_source").output().unwrap();
        assert!(text(&output.stdout).contains("complete -c kio"));
        assert!(tool("completion").output().unwrap().stdout.is_empty());
    }
}
