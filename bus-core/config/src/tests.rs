use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Flags, Resolved, SETTINGS, SecretSource, SecretText, Settings, reference};

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Resolves a file with the right version and nothing else.
fn of_file(text: &str) -> Resolved {
    let text = format!("version = 1\n{text}");
    Settings::resolve(Some(("barid.toml", &text)), &BTreeMap::new(), &Flags::new()).expect("settings that are right")
}

fn of_environment(variables: &[(&str, &str)]) -> Resolved {
    Settings::resolve(None, &environment(variables), &Flags::new()).expect("settings that are right")
}

/// What is said about a file with the right version in its first line.
fn wrong(text: &str) -> String {
    let text = format!("version = 1\n{text}");
    let resolved = Settings::resolve(Some(("barid.toml", &text)), &BTreeMap::new(), &Flags::new());
    resolved.expect_err("a mistake").to_string()
}

fn wrong_environment(variables: &[(&str, &str)]) -> String {
    Settings::resolve(None, &environment(variables), &Flags::new()).expect_err("a mistake").to_string()
}

#[test]
fn without_anything_the_defaults_hold() {
    let resolved = Settings::resolve(None, &BTreeMap::new(), &Flags::new()).expect("defaults that are right");
    let deployment = resolved.deployment().expect("a default");
    assert_eq!((deployment.name.as_str(), deployment.topics_prefix.as_str()), ("barid", "barid."));
    let telemetry = resolved.telemetry().expect("defaults");
    assert_eq!((telemetry.log_format.as_str(), telemetry.log_level.as_str()), ("auto", "info"));
    assert_eq!((telemetry.metrics_address, telemetry.otlp_endpoint), (None, None));
    assert_eq!(resolved.connector().expect("defaults").scan_interval, Duration::from_secs(2));
}

#[test]
fn a_whole_file_gives_all_sections() {
    let resolved = of_file(
        r#"
        [deployment]
        name = "mazandaran"
        topics_prefix = "mz."
        [kafka]
        bootstrap_servers = ["kafka1:9092", "kafka2:9092"]
        [kafka.properties]
        security.protocol = "SASL_SSL"
        "sasl.mechanism" = "SCRAM-SHA-512"
        "socket.keepalive.enable" = true
        "metadata.max.age.ms" = 30_000
        [kafka.secret_files]
        "sasl.password" = "/run/secrets/kafka"
        [registry]
        url = "http://registry:8080/apis/ccompat/v7/"
        user = "barid"
        password_file = "/run/secrets/registry"
        [secrets]
        connector_secret_file = "/run/secrets/connector"
        correlation_key_file = "/run/secrets/correlation"
        watch_key_file = "/run/secrets/watch"
        [embedded_registry]
        listen = "0.0.0.0:8081"
        advertised_url = "http://registry-a:8081"
        topic = "_mz_schemas"
        [router]
        name = "router-a"
        slots = 4
        producers = 3
        commit_interval_ms = 50
        commit_records = 20_000
        [connector]
        scan_interval_ms = 5000
        settle_ms = 0
        commit_records = 10
        [telemetry]
        log_format = "json"
        log_level = "warn,barid_router=debug"
        metrics_address = "[::1]:9464"
        otlp_endpoint = "https://collector:4318"
        trace_sample_ratio = 0.25
        "#,
    );
    assert_eq!(resolved.deployment().expect("set").topics_prefix, "mz.");
    let kafka = resolved.kafka().expect("set");
    assert_eq!(kafka.bootstrap_servers, "kafka1:9092,kafka2:9092");
    let properties: Vec<(&str, &str)> =
        kafka.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        properties,
        [
            ("metadata.max.age.ms", "30000"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("security.protocol", "SASL_SSL"),
            ("socket.keepalive.enable", "true"),
        ]
    );
    assert_eq!(kafka.secret_properties["sasl.password"], SecretSource::File(PathBuf::from("/run/secrets/kafka")));
    let registry = resolved.registry().expect("set");
    assert_eq!(registry.url, "http://registry:8080/apis/ccompat/v7");
    let password = SecretSource::File(PathBuf::from("/run/secrets/registry"));
    assert_eq!(registry.basic_auth, Some(("barid".to_owned(), Some(password))));
    let embedded = resolved.embedded_registry().expect("set");
    assert_eq!((embedded.listen.as_str(), embedded.topic.as_str()), ("0.0.0.0:8081", "_mz_schemas"));
    assert_eq!(embedded.advertised_url.as_deref(), Some("http://registry-a:8081"));
    let router = resolved.router().expect("set");
    assert_eq!((router.name.as_str(), router.slots, router.producers), ("router-a", 4, 3));
    assert_eq!((router.commit_interval, router.commit_records), (Duration::from_millis(50), 20_000));
    assert_eq!(resolved.connector().expect("set").settle, Duration::ZERO);
    let telemetry = resolved.telemetry().expect("set");
    assert_eq!(telemetry.metrics_address.as_deref(), Some("[::1]:9464"));
    assert!((telemetry.trace_sample_ratio - 0.25).abs() < f64::EPSILON);
    for secret in [resolved.connector_secret(), resolved.correlation_key(), resolved.watch_key()] {
        assert!(matches!(secret, Ok(SecretSource::File(_))), "{secret:?}");
    }
}

#[test]
fn flags_go_over_the_environment_over_the_file_over_the_defaults() {
    let file = "version = 1\n[router]\nslots = 2\nproducers = 3\n\n[telemetry]\nlog_level = \"warn\"\n";
    let environment = environment(&[("BARID_ROUTER__SLOTS", "3"), ("BARID_TELEMETRY__LOG_LEVEL", "debug")]);
    let mut flags = Flags::new();
    flags.set("router.slots", Some(4)).set("router.name", Some("a")).set("telemetry.log_format", None::<&str>);
    let resolved = Settings::resolve(Some(("/etc/barid.toml", file)), &environment, &flags).expect("no mistake");
    let shown: Vec<String> = resolved
        .show()
        .into_iter()
        .filter(|row| row.key.starts_with("router") || row.key.starts_with("telemetry.log"))
        .map(|row| {
            let origin = row.origin.map(|origin| origin.to_string()).unwrap_or_default();
            format!("{} = {} ({origin})", row.key, row.value.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        shown,
        [
            "router.name = a (flag --name)",
            "router.slots = 4 (flag --slots)",
            "router.producers = 3 (/etc/barid.toml:4)",
            "router.commit_interval_ms = 20 (default)",
            "router.commit_records = 5000 (default)",
            "telemetry.log_format = auto (default)",
            "telemetry.log_level = debug (environment BARID_TELEMETRY__LOG_LEVEL)",
        ]
    );
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_with_their_lines() {
    let text = wrong(
        "[deployment]\n\
         name = \"maz/andaran\"\n\
         [kafka]\n\
         bootstrap_server = \"kafka:9092\"\n\
         properties = \"none\"\n\
         [registry]\n\
         url = \"registry:8081\"\n\
         [router]\n\
         slots = \"many\"\n\
         producers = 99\n\
         commit_interval_ms = 2020-01-01\n\
         [telemetrie]\n\
         log_level = \"info\"\n\
         [telemetry]\n\
         log_format = \"jsno\"\n\
         metrics_address = \"9464\"\n\
         trace_sample_ratio = 7\n\
         otlp_endpoint = \"collector\"\n",
    );
    assert_eq!(
        text,
        "\
barid.toml:3: `deployment.name` is `maz/andaran`, but `/` does not belong in a name
  cure: use the letters a to z, digits, `.`, `_` and `-`
barid.toml:5: unknown key `kafka.bootstrap_server`
  cure: did you mean `kafka.bootstrap_servers`?
barid.toml:6: `kafka.properties` is text, but must be a table
barid.toml:8: `registry.url` is `registry:8081`, but has no scheme `http://` or `https://`
  cure: write it as `http://registry:8081`
barid.toml:10: `router.slots` must be a whole number from 1 to 64
barid.toml:11: `router.producers` is `99`, but must be from 1 to 3
barid.toml:12: `router.commit_interval_ms` must be a whole number from 1 to 10000
barid.toml:13: unknown key `telemetrie`
  cure: did you mean `telemetry`?
barid.toml:16: `telemetry.log_format` is `jsno`, but must be one of `auto`, `text`, `json`
  cure: did you mean `json`?
barid.toml:17: `telemetry.metrics_address` has `9464`, which is not `host:port`
  cure: write it as `127.0.0.1:9464`, if that is the port
barid.toml:18: `telemetry.trace_sample_ratio` must be a number from 0 to 1
barid.toml:19: `telemetry.otlp_endpoint` is `collector`, but has no scheme `http://` or `https://`
  cure: write it as `http://collector`
12 mistakes"
    );
}

#[test]
fn a_server_without_its_port_is_told_how_to_write_it() {
    for (written, cure) in [
        ("kafka", "write it as `kafka:9092`, if that is the port"),
        ("kafka:9092,", "write it as `kafka1:9092,kafka2:9092`"),
        (":9092", "write it as `host:9092`, if that is the port"),
    ] {
        let text = wrong(&format!("[kafka]\nbootstrap_servers = \"{written}\"\n"));
        assert!(text.contains(cure), "{text}");
    }
    assert!(wrong("[kafka]\nbootstrap_servers = []\n").contains("names no server"));
    assert!(wrong("[kafka]\nbootstrap_servers = [9092]\n").contains("is a list of other things than text"));
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let text = wrong("[router]\nslots = \n");
    assert!(text.starts_with("barid.toml:3: "), "{text}");
}

#[test]
fn the_version_must_be_there_and_known() {
    let resolve = |text: &str| {
        let resolved = Settings::resolve(Some(("barid.toml", text)), &BTreeMap::new(), &Flags::new());
        resolved.expect_err("a mistake").to_string()
    };
    assert_eq!(
        resolve("[router]\nslots = 2\n"),
        "barid.toml: `version` is missing\n  cure: write `version = 1` as the first line\n1 mistake"
    );
    for text in ["\nversion = 2\n", "\nversion = \"1\"\n"] {
        assert!(resolve(text).starts_with("barid.toml:2: `version` must be `1`"), "{}", resolve(text));
    }
}

#[test]
fn a_word_in_the_wrong_section_is_found_in_the_right_one() {
    assert!(wrong("[kafka]\nslots = 2\n").contains("`kafka.slots`\n  cure: did you mean `router.slots`?"));
    assert!(wrong("[router]\nuser = \"a\"\n").contains("`router.user`\n  cure: did you mean `registry.user`?"));
    let top = wrong("slots = 2\n");
    assert!(top.contains("known here: `version`, `[deployment]`, `[kafka]`, `[registry]`"), "{top}");
}

#[test]
fn an_unknown_variable_is_told_when_it_is_meant_as_a_setting() {
    assert_eq!(
        wrong_environment(&[("BARID_ROUTER__SLOT", "2")]),
        "BARID_ROUTER__SLOT: no setting has this variable\n  cure: did you mean `BARID_ROUTER__SLOTS`?\n1 mistake"
    );
    assert!(
        wrong_environment(&[("BARID_KAFKA_BOOTSTRAP_SERVERS", "a:1")]).contains("`BARID_KAFKA__BOOTSTRAP_SERVERS`")
    );
    assert!(wrong_environment(&[("BARID_SOMETHING__ELSE", "1")]).contains("`barid config show` lists all settings"));
    of_environment(&[("BARID_CONFIG", "/etc/barid.toml"), ("BARID_TEST_CACHE", "/tmp"), ("SLOTS", "x")]);
    assert_eq!(
        wrong_environment(&[("BARID_ROUTER__SLOTS", "none")]),
        "BARID_ROUTER__SLOTS: `router.slots` must be a whole number from 1 to 64\n1 mistake"
    );
}

#[test]
fn librdkafka_properties_come_from_the_environment_too() {
    let resolved = of_environment(&[
        ("BARID_KAFKA__BOOTSTRAP_SERVERS", " kafka1:9092 , SASL_SSL://kafka2:9092"),
        ("BARID_KAFKA__PROPERTIES__SASL_USERNAME", "barid"),
        ("BARID_KAFKA__PROPERTIES__SASL_PASSWORD", "hunter2"),
    ]);
    let kafka = resolved.kafka().expect("set");
    assert_eq!(kafka.bootstrap_servers, "kafka1:9092,SASL_SSL://kafka2:9092");
    assert_eq!(kafka.properties["sasl.username"], "barid");
    assert_eq!(kafka.properties.len(), 1, "a secret is not among the others");
    assert_eq!(kafka.secret_properties["sasl.password"], SecretSource::Inline(SecretText::new("hunter2")));
}

#[test]
fn the_later_of_a_secret_and_its_file_wins() {
    let file = "version = 1\n[secrets]\nwatch_key_file = \"/file\"\n";
    let resolve = |variables: &[(&str, &str)], flags: &Flags| {
        Settings::resolve(Some(("barid.toml", file)), &environment(variables), flags)
    };
    let from_file = resolve(&[], &Flags::new()).expect("no mistake").watch_key();
    assert_eq!(from_file.expect("set"), SecretSource::File(PathBuf::from("/file")));
    let inline = resolve(&[("BARID_SECRETS__WATCH_KEY", "0011")], &Flags::new()).expect("no mistake").watch_key();
    assert_eq!(inline.expect("set"), SecretSource::Inline(SecretText::new("0011")));
    let mut flags = Flags::new();
    flags.set("secrets.watch_key_file", Some("/flag"));
    let flagged = resolve(&[("BARID_SECRETS__WATCH_KEY", "0011")], &flags).expect("no mistake").watch_key();
    assert_eq!(flagged.expect("set"), SecretSource::File(PathBuf::from("/flag")));
    let both =
        resolve(&[("BARID_SECRETS__WATCH_KEY", "0011"), ("BARID_SECRETS__WATCH_KEY_FILE", "/other")], &Flags::new());
    assert_eq!(
        both.expect_err("nobody can say which").to_string(),
        "BARID_SECRETS__WATCH_KEY: `secrets.watch_key` is set and so is `secrets.watch_key_file`\n  \
         cure: keep one of the two\n1 mistake"
    );
}

#[test]
fn secrets_in_the_file_or_on_the_command_line_are_refused_and_not_repeated() {
    let text = wrong(
        "[secrets]\nwatch_key = \"hunter2\"\n[kafka.properties]\nsasl.password = \"hunter2\"\n\
         [registry]\nurl = \"http://barid:hunter2@registry\"\n[telemetry]\notlp_endpoint = \"barid:hunter2@collector\"\n",
    );
    assert!(!text.contains("hunter2"), "{text}");
    for part in [
        "barid.toml:3: `secrets.watch_key` is a secret and does not belong in this file\n  cure: name a file that holds it as \
         `secrets.watch_key_file`, or set BARID_SECRETS__WATCH_KEY\n",
        "barid.toml:5: `sasl.password` is a secret and does not belong in this file\n  cure: name a file that holds it: \
         `\"sasl.password\" = \"/path\"` under `[kafka.secret_files]`, or set BARID_KAFKA__PROPERTIES__SASL_PASSWORD\n",
        "barid.toml:7: `registry.url` has a user or password in the address\n",
        "barid.toml:9: `telemetry.otlp_endpoint` has a user or password in the address\n",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let mut flags = Flags::new();
    flags.set("kafka.properties.sasl.password", Some("hunter2")).set("registry.password", Some("hunter2"));
    let text = Settings::resolve(None, &BTreeMap::new(), &flags).expect_err("two mistakes").to_string();
    assert!(
        !text.contains("hunter2") && text.contains("--property: `kafka.properties.sasl.password` is a secret"),
        "{text}"
    );
    assert!(text.ends_with("2 mistakes"), "{text}");
}

#[test]
fn no_secret_is_ever_printed() {
    let resolved = of_environment(&[
        ("BARID_REGISTRY__URL", "http://registry"),
        ("BARID_REGISTRY__USER", "barid"),
        ("BARID_REGISTRY__PASSWORD", "hunter2"),
        ("BARID_SECRETS__CONNECTOR_SECRET", "hunter2"),
        ("BARID_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092"),
        ("BARID_KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "hunter2"),
    ]);
    let shown = resolved.show();
    let masked: Vec<&str> =
        shown.iter().filter(|row| row.value.as_deref() == Some("***")).map(|row| row.key.as_str()).collect();
    assert_eq!(masked, ["kafka.properties.ssl.key.password", "registry.password", "secrets.connector_secret"]);
    let printed = format!(
        "{shown:?} {resolved:?} {:?} {:?} {:?} {}",
        resolved.kafka(),
        resolved.registry(),
        resolved.connector_secret(),
        SecretText::new("hunter2")
    );
    assert!(!printed.contains("hunter2"), "{printed}");
    let Ok(SecretSource::Inline(secret)) = resolved.connector_secret() else { panic!("it is in the environment") };
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn a_role_hears_what_it_lacks_and_how_to_set_it() {
    let resolved = of_file("");
    assert_eq!(
        resolved.kafka().expect_err("no broker").to_string(),
        "barid.toml: `kafka.bootstrap_servers` is not set\n  cure: write `bootstrap_servers = \"kafka1:9092,kafka2:9092\"` under \
         `[kafka]`, or set BARID_KAFKA__BOOTSTRAP_SERVERS, or give --bootstrap-servers"
    );
    assert!(resolved.router().expect_err("no name").to_string().contains("`router.name` is not set"));
    assert!(resolved.registry().is_err());
    assert_eq!(
        resolved.connector_secret().expect_err("no secret").to_string(),
        "barid.toml: `secrets.connector_secret_file` is not set\n  cure: write `connector_secret_file = \"/run/secrets/connector\"` under \
         `[secrets]`, or set BARID_SECRETS__CONNECTOR_SECRET_FILE, or give --connector-secret-file, or put the secret itself into \
         BARID_SECRETS__CONNECTOR_SECRET"
    );
    let half = of_environment(&[("BARID_REGISTRY__URL", "http://r"), ("BARID_REGISTRY__PASSWORD", "x")]);
    let text = half.registry().expect_err("a password without a user").to_string();
    assert!(text.contains("`registry.user` is not set, but a password is"), "{text}");
}

#[test]
fn a_secret_file_is_read_by_the_caller_and_its_line_end_is_not_part_of_it() {
    let file = SecretSource::File(PathBuf::from("/run/secrets/watch"));
    let secret = file.read_with(|path| {
        assert_eq!(path, PathBuf::from("/run/secrets/watch"));
        Ok(" 00ff \r\n".to_owned())
    });
    assert_eq!(secret.expect("read").expose(), " 00ff ");
    let inline = SecretSource::Inline(SecretText::new("00ff"));
    assert_eq!(inline.read_with(|_| panic!("there is no file")).expect("no reading").expose(), "00ff");
}

#[test]
fn a_flag_for_a_setting_that_is_none_is_a_mistake() {
    let mut flags = Flags::new();
    flags.set("router.slot", Some(2));
    let text = Settings::resolve(None, &BTreeMap::new(), &flags).expect_err("no such setting").to_string();
    assert_eq!(text, "for router.slot: unknown setting `router.slot`\n1 mistake");
}

#[test]
fn every_example_of_the_table_is_a_value_that_its_setting_takes() {
    for setting in SETTINGS.iter().filter(|setting| !setting.is_secret()) {
        let (section, key) = setting.key.split_once('.').expect("section and key");
        let resolved = of_file(&format!("[{section}]\n{key} = {}\n", setting.example));
        let row = resolved.show().into_iter().find(|row| row.key.starts_with(setting.key)).expect("a row");
        assert!(row.value.is_some(), "{}", setting.key);
    }
}

#[test]
fn the_reference_page_has_every_setting_with_variable_flag_and_default() {
    let page = reference();
    for setting in SETTINGS {
        let name = setting.key.split_once('.').map(|(_, name)| name).expect("section and key");
        assert!(page.contains(&format!("### `{name}`")), "{}", setting.key);
        assert!(page.contains(&setting.variable()), "{}", setting.key);
        assert!(setting.flag.is_none_or(|flag| page.contains(&format!("* flag: `{flag}`"))), "{}", setting.key);
    }
    for line in [
        "## `[router]`",
        "* value: whole number from 1 to 64",
        "* default: `barid.`",
        "* environment: `BARID_KAFKA__PROPERTIES__<NAME>`",
        "* example: `bootstrap_servers = \"kafka1:9092,kafka2:9092\"`",
    ] {
        assert!(page.lines().any(|found| found == line), "`{line}` is not in\n{page}");
    }
}

#[test]
fn no_two_settings_share_a_key_a_flag_or_a_variable() {
    let unique = |values: Vec<String>| {
        let all = values.len();
        let set: std::collections::BTreeSet<String> = values.into_iter().collect();
        assert_eq!(set.len(), all);
    };
    unique(SETTINGS.iter().map(|setting| setting.key.to_owned()).collect());
    unique(SETTINGS.iter().filter_map(|setting| setting.flag.map(str::to_owned)).collect());
    unique(SETTINGS.iter().map(crate::Setting::variable).collect());
}

#[test]
fn a_secret_file_is_looked_for_beside_the_file_that_names_it() {
    let text = "version = 1\n[kafka]\nbootstrap_servers = \"kafka:9092\"\n[kafka.secret_files]\n\"sasl.password\" = \"sasl\"\n\
                [secrets]\nwatch_key_file = \"secrets/watch\"\nconnector_secret_file = \"/run/connector\"\n";
    let environment = BTreeMap::from([("BARID_SECRETS__CORRELATION_KEY_FILE".to_owned(), "here".to_owned())]);
    let file = |path: &str| SecretSource::File(PathBuf::from(path));
    for (name, folder) in [("/etc/barid/barid.toml", "/etc/barid/"), ("barid.toml", ""), ("../site.toml", "../")] {
        let resolved = Settings::resolve(Some((name, text)), &environment, &Flags::new()).expect("no mistake");
        assert_eq!(resolved.watch_key().expect("set"), file(&format!("{folder}secrets/watch")));
        assert_eq!(resolved.connector_secret().expect("set"), file("/run/connector"));
        assert_eq!(resolved.correlation_key().expect("set"), file("here"), "not named by a file");
        let kafka = resolved.kafka().expect("set");
        assert_eq!(kafka.secret_properties["sasl.password"], file(&format!("{folder}sasl")));
    }
}
