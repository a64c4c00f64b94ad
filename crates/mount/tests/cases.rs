//! Runs every table of `cases/mount_specs.json`. The probes answer as the machines did on which the tables were made.

#[cfg(test)]
mod cases {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::Value;
    use stead_mount::local::{Quota, local_options};
    use stead_mount::names::check_volume_name;
    use stead_mount::parse::{lcow, long, short, windows};
    use stead_mount::{Found, MountPoint, Probe};

    /// A Windows host with two directories more than its drives and one file.
    struct WindowsHost;

    impl Probe for WindowsHost {
        fn look(&self, path: &str) -> Result<Option<Found>, String> {
            Ok(match path {
                r"c:\" | r"c:\windows" | r"c:\windows\" | r"c:\program files" | r"\\?\c:\windows\" => Some(Found::Directory),
                r"c:\windows\system32\ntdll.dll" => Some(Found::Other),
                _ => None,
            })
        }
    }

    fn tables() -> serde_json::Map<String, Value> {
        let text = include_str!("cases/mount_specs.json");
        let Value::Object(tables) = serde_json::from_str(text).unwrap() else { panic!("not an object") };
        tables
    }

    fn strings(table: &Value) -> Vec<String> {
        table.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    fn text<'v>(case: &'v Value, key: &str) -> &'v str {
        case.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    type Parse = fn(&str, &str) -> Result<MountPoint, String>;

    fn linux(raw: &str, driver: &str) -> Result<MountPoint, String> {
        short::linux_raw(raw, driver).map_err(|e| e.to_string())
    }

    fn on_windows(raw: &str, driver: &str) -> Result<MountPoint, String> {
        windows::raw(raw, driver, &WindowsHost).map_err(|e| e.to_string())
    }

    fn on_lcow(raw: &str, driver: &str) -> Result<MountPoint, String> {
        lcow::raw(raw, driver, &WindowsHost).map_err(|e| e.to_string())
    }

    fn check_valid(table: &Value, parse: Parse) -> usize {
        let raws = strings(table);
        for raw in &raws {
            assert!(parse(raw, "local").is_ok(), "{raw}: {:?}", parse(raw, "local"));
        }
        raws.len()
    }

    fn check_invalid(table: &Value, parse: Parse) -> usize {
        let cases = table.as_object().unwrap();
        for (raw, wanted) in cases {
            let error = parse(raw, "local").expect_err(raw);
            assert!(error.contains(wanted.as_str().unwrap()), "{raw}: {error}");
        }
        cases.len()
    }

    fn check_split(table: &Value, parse: Parse) -> usize {
        let cases = table.as_array().unwrap();
        for case in cases {
            let raw = text(case, "bind");
            let answer = parse(raw, text(case, "driver"));
            if let Some(error) = case.get("expErr").and_then(Value::as_str) {
                assert_eq!(answer.expect_err(raw), error);
                continue;
            }
            let point = answer.unwrap_or_else(|error| panic!("{raw}: {error}"));
            let expected = &case["expected"];
            for (key, value) in [
                ("Source", point.source.as_str()),
                ("Destination", &point.destination),
                ("Name", &point.name),
                ("Driver", &point.driver),
                ("Mode", &point.mode),
                ("Propagation", point.propagation.as_str()),
                ("Type", point.kind.as_str()),
            ] {
                assert_eq!(value, text(expected, key), "{raw}: {key}");
            }
            assert_eq!(Value::Bool(point.rw), expected["RW"], "{raw}: RW");
            assert_eq!(point.copy_data, expected.get("CopyData").is_some_and(|v| v == true), "{raw}: CopyData");
        }
        cases.len()
    }

    fn check_long_errors(table: &Value) -> usize {
        let cases = table.as_array().unwrap();
        for case in cases {
            let error = parse_long(text(case, "value")).expect_err(text(case, "doc"));
            assert_eq!(error, text(case, "expErr"));
        }
        cases.len()
    }

    fn parse_long(value: &str) -> Result<stead_mount::MountRequest, String> {
        long(value, Path::new("/cwd")).map_err(|e| e.to_string())
    }

    fn check_switch(table: &Value, read: fn(&stead_mount::MountRequest) -> bool) -> usize {
        let cases = table.as_array().unwrap();
        for case in cases {
            let suffix = text(case, "suffix");
            let value = if suffix.is_empty() { text(case, "base").to_owned() } else { format!("{},{suffix}", text(case, "base")) };
            match case["expErr"].as_str() {
                Some(error) => assert_eq!(parse_long(&value).expect_err(&value), error),
                None => assert_eq!(Value::Bool(read(&parse_long(&value).unwrap())), case["exp"], "{value}"),
            }
        }
        cases.len()
    }

    fn check_client_split(table: &Value) -> usize {
        let cases = table.as_array().unwrap();
        for case in cases {
            let input = text(case, "input");
            let bind = matches!(short::client(input, Path::new("/cwd")).unwrap(), short::Short::Bind(_));
            assert_eq!(Value::Bool(bind), case["has_source"], "{input}");
        }
        cases.len()
    }

    fn check_local(table: &Value) -> usize {
        let cases = table.as_array().unwrap();
        for case in cases {
            let opts: BTreeMap<String, String> =
                case["opts"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect();
            let name = case.get("name").and_then(Value::as_str).unwrap_or("name");
            let answer = check_volume_name(name)
                .map_err(|e| e.to_string())
                .and_then(|()| local_options(&opts, Quota::Unsupported).map(drop).map_err(|e| e.to_string()));
            assert_eq!(answer.err().unwrap_or_default(), text(case, "expectedErr"), "{}", text(case, "doc"));
        }
        cases.len()
    }

    fn check_names(table: &Value) -> usize {
        let cases = table.as_object().unwrap();
        for (name, good) in cases {
            assert_eq!(Value::Bool(check_volume_name(name).is_ok()), *good, "{name}");
        }
        cases.len()
    }

    fn run(name: &str, table: &Value) -> usize {
        match name {
            "about" => 0,
            "linux_raw_valid" => check_valid(table, linux),
            "windows_raw_valid" => check_valid(table, on_windows),
            "lcow_raw_valid" => check_valid(table, on_lcow),
            "linux_raw_invalid_contains" => check_invalid(table, linux),
            "windows_raw_invalid_contains" => check_invalid(table, on_windows),
            "lcow_raw_invalid_contains" => check_invalid(table, on_lcow),
            "linux_raw_split" => check_split(table, linux),
            "windows_raw_split" => check_split(table, on_windows),
            "lcow_raw_split" => check_split(table, on_lcow),
            "cli_mount_errors_HEAD" => check_long_errors(table),
            "cli_TestMountOptReadOnly" => check_switch(table, |request| request.read_only),
            "cli_TestMountOptVolumeNoCopy" => check_switch(table, |request| request.volume_options.as_ref().is_some_and(|o| o.no_copy)),
            "cli_TestMountOptSetBindCreateSrc" => {
                check_switch(table, |request| request.bind_options.as_ref().is_some_and(|o| o.create_mountpoint))
            }
            "cli_volumespec_split" => check_client_split(table),
            "local_driver_create_validation" => check_local(table),
            "local_driver_names" => check_names(table),
            other => panic!("no test runs the table {other}"),
        }
    }

    macro_rules! tables {
    ($($test:ident: $table:literal, $count:literal;)*) => {
        $(#[test] fn $test() { assert_eq!(run($table, &tables()[$table]), $count, "cases that ran"); })*

        #[test]
        fn every_table_has_a_test() {
            let known = ["about", $($table),*];
            for name in tables().keys() {
                assert!(known.contains(&name.as_str()), "{name}");
            }
            let total: usize = [$($count),*].iter().sum();
            assert_eq!(total, 163);
        }
    };
}

    tables! {
        linux_valid: "linux_raw_valid", 14;
        linux_invalid: "linux_raw_invalid_contains", 16;
        linux_split: "linux_raw_split", 5;
        windows_valid: "windows_raw_valid", 12;
        windows_invalid: "windows_raw_invalid_contains", 22;
        windows_split: "windows_raw_split", 7;
        lcow_valid: "lcow_raw_valid", 9;
        lcow_invalid: "lcow_raw_invalid_contains", 23;
        lcow_split: "lcow_raw_split", 6;
        long_errors: "cli_mount_errors_HEAD", 6;
        long_readonly: "cli_TestMountOptReadOnly", 7;
        long_nocopy: "cli_TestMountOptVolumeNoCopy", 5;
        long_create_src: "cli_TestMountOptSetBindCreateSrc", 5;
        client_split: "cli_volumespec_split", 15;
        local_options_and_names: "local_driver_create_validation", 8;
        local_names: "local_driver_names", 3;
    }
}
