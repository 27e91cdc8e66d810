//! Arguments in every form that redis-server takes.

use super::*;

#[test]
fn options_take_values_up_to_the_next_option() {
    let config = run(&["--bind", "0.0.0.0", "::", "--protected-mode", "no", "--port", "7000"]);
    assert_eq!(value(&config, "bind"), "0.0.0.0 ::");
    assert!(!config.settings().protected_mode);
    assert_eq!(config.settings().port, 7000);
    assert_eq!(config.file(), None);
}

#[test]
fn one_argument_may_hold_name_and_value_or_several_values() {
    assert_eq!(run(&["--port 7000", "--timeout 5"]).settings().port, 7000);
    assert_eq!(run(&["--bind", "127.0.0.1 ::1"]).settings().bind.len(), 2);
    assert_eq!(value(&run(&["--bind 127.0.0.1", "::1"]), "bind"), "127.0.0.1 ::1");
    assert_eq!(value(&run(&["--client-output-buffer-limit", "pubsub 1 2 3"]), "client-output-buffer-limit"), {
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 1 2 3"
    });
}

#[test]
fn what_follows_an_option_is_its_value_even_if_it_looks_like_an_option() {
    let config = run(&["--requirepass", "--port", "--port", "7000"]);
    assert_eq!(config.settings().requirepass.password(), Some(&b"--port"[..]));
    assert_eq!(config.settings().port, 7000);
    assert!(error(&["--port", "--bind", "x"]).starts_with("command line: port: wrong number of arguments"));
}

#[test]
fn save_alone_means_no_saving() {
    assert_eq!(value(&run(&["--save"]), "save"), "");
    assert_eq!(value(&run(&["--save", "", "--port", "0"]), "save"), "");
    assert_eq!(value(&run(&["--save", "60", "1", "--save", "30", "2"]), "save"), "60 1 30 2");
    assert_eq!(run(&["--save", "--port", "7000"]).settings().port, 7000);
}

#[test]
fn options_win_over_standard_input_and_that_over_the_file() {
    let files = Files::new(&[("redis.conf", "port 1\ntimeout 1\nmaxclients 1\n")]);
    let file = files.text("redis.conf");
    for args in [
        vec![&file, "-", "--maxclients", "3"],
        vec![&file, "--maxclients", "3", "-"],
        vec![&file, "--maxclients 3", "-"],
    ] {
        let (config, _) = run_with(&args, "timeout 2\nmaxclients 2\n");
        let settings = config.settings();
        assert_eq!((settings.port, settings.timeout, settings.maxclients), (1, Seconds(2), 3), "{args:?}");
        assert_eq!(config.file(), Some(files.path("redis.conf").as_path()));
    }
    let (config, _) = run_with(&["-", "--port", "9"], "port 8\n");
    assert_eq!(config.settings().port, 9);
}

#[test]
fn the_file_and_options_win_over_defaults_from_the_environment() {
    let files = Files::new(&[("redis.conf", "timeout 2\nmaxclients 2\n")]);
    let args = [files.text("redis.conf"), "--maxclients".into(), "3".into()].map(OsString::from);
    match invocation_with(args, b"protected-mode no\ntimeout 1\nmaxclients 1", &mut std::io::empty()) {
        Ok(Invocation::Run { config, .. }) => {
            let settings = config.settings();
            assert_eq!((settings.protected_mode, settings.timeout, settings.maxclients), (false, Seconds(2), 3));
        }
        other => panic!("{other:?}"),
    }
    let error = invocation_with([], b"\nport x", &mut std::io::empty()).expect_err("not a number").to_string();
    assert!(error.starts_with("PREGON_DEFAULTS line 2: port: "), "{error}");
}

#[test]
fn errors_name_the_command_line_or_standard_input() {
    for (args, expected) in [
        (vec!["--port", "x"], "command line: port: argument couldn't be parsed into an integer; it takes: 0..65535"),
        (vec!["--port=70"], "command line: unknown directive 'port=70'; write the value after a blank: port 70"),
        (vec!["--maxclient", "1"], "command line: unknown directive 'maxclient'; did you mean 'maxclients'?"),
        (vec!["--sentinel"], "command line: --sentinel: there is no Sentinel; let clients connect to this server"),
        (vec!["s.conf", "--sentinel", "--port", "1"], "command line: --sentinel: there is no Sentinel; "),
        (vec!["--test-memory", "100"], "command line: --test-memory: there is no test of memory; "),
        (vec!["--check-system"], "command line: --check-system: there is no check of the system; "),
        (vec!["-p", "1"], "command line: unexpected argument '-p'; the configuration file comes first, and "),
        (vec!["--"], "command line: unexpected argument ''; the configuration file comes first, and "),
        (
            vec!["--requirepass"],
            "command line: requirepass: wrong number of arguments; it takes: a text, or \"\" for none",
        ),
    ] {
        let error = error(&args);
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    let late = error(&["--port", "1", "redis.conf"]);
    assert!(late.ends_with("and the configuration file has to be the first argument"), "{late}");
    let stdin = call_with(&["-"], "\n\nport x").expect_err("not a number").to_string();
    assert!(stdin.starts_with("standard input line 3: port: "), "{stdin}");
}

#[test]
fn a_password_is_in_no_error_and_no_debug_output() {
    let error = error(&["--requirepass", "secret", "more"]);
    assert!(!error.contains("secret"), "{error}");
    let config = run(&["--requirepass", "secret", "--masterauth", "secret"]);
    let bytes = format!("{:?}", b"secret");
    assert!(!format!("{config:?}").contains("secret") && !format!("{config:?}").contains(&bytes));
    assert!(find(b"requirepass").is_some_and(|param| param.sensitive));
    assert!(find(b"masterauth").is_some_and(|param| param.sensitive));
}

#[test]
fn check_reads_everything_and_prints_nothing_else() {
    let checked = call(&["--check", "--port", "7000", "--appendonly", "yes"]);
    match checked {
        Ok(Invocation::Check(found)) => {
            assert_eq!(found.config.settings().port, 7000);
            assert_eq!(found.in_vain.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn completions_are_for_a_shell_that_is_named() {
    for (name, shell) in [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish)] {
        let asked = call(&["--print-completions", name]);
        assert!(matches!(asked, Ok(Invocation::Completions(known)) if known == shell), "{asked:?}");
    }
    for args in [&["--print-completions"][..], &["--print-completions", "csh"]] {
        let error = error(args);
        assert!(error.ends_with("--print-completions: which shell?; name one of: bash, zsh, fish"), "{error}");
    }
}

#[test]
fn help_and_version_are_printed_without_reading_anything() {
    for args in [&["--help"][..], &["-h"], &["help"], &["--help", "--port", "x"]] {
        assert!(matches!(call(args), Ok(Invocation::Print(text)) if text.starts_with("Usage: pregon ")), "{args:?}");
    }
    for args in [&["--version"][..], &["-v"], &["version"]] {
        assert!(matches!(call(args), Ok(Invocation::Print(text)) if text.contains("v=7.4.2;")), "{args:?}");
    }
}
