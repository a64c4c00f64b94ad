//! `inspect`: an indented array, one line of JSON, or a template run on each object.

use serde_json::Value;

use super::{Absent, Error, Rules, Template};

/// Exit status of `inspect` for a template that cannot be read, as Docker's.
pub(crate) const EXIT_TEMPLATE: u8 = 64;

/// How objects are to be shown.
#[derive(Debug)]
pub(crate) enum View {
    /// `[` `]` with four spaces of indentation.
    Indented,
    /// The same on one line.
    Json,
    /// A template, one line each.
    Template(Template),
}

impl View {
    /// Reads `--format`.
    ///
    /// # Errors
    /// [`Error`] for a template that cannot be read.
    pub(crate) fn read(format: Option<&str>) -> Result<Self, Error> {
        match format {
            None | Some("") => Ok(Self::Indented),
            Some("json") => Ok(Self::Json),
            Some(text) => Template::parse(text).map(Self::Template),
        }
    }

    /// Prints all objects. Docker prints `[]` even when none was found.
    ///
    /// # Errors
    /// [`Error`] for a template that cannot be run.
    pub(crate) fn render(&self, objects: &[Value]) -> Result<String, Error> {
        let mut out = String::new();
        match self {
            Self::Indented if objects.is_empty() => out.push_str("[]\n"),
            Self::Indented => {
                out.push_str(&indented(&Value::Array(objects.to_vec())));
                out.push('\n');
            }
            Self::Json => {
                out.push_str(&Value::Array(objects.to_vec()).to_string());
                out.push('\n');
            }
            // Docker writes an empty line where there is nothing to run the template on.
            Self::Template(_) if objects.is_empty() => out.push('\n'),
            Self::Template(template) => {
                for object in objects {
                    out.push_str(&template.run(object, RULES)?);
                    out.push('\n');
                }
            }
        }
        Ok(out)
    }
}

/// JSON with four spaces, as Docker indents it.
pub(crate) fn indented(value: &Value) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        // A `Value` always serialises; the compact form stands in should that ever change.
        Err(_impossible) => value.to_string(),
    }
}

/// What Docker's types say about fields that its JSON leaves out or writes as null.
pub(crate) const RULES: Rules<'static> = Rules { absent, labels: None, headers: false };

/// Maps whose keys users choose: a key that is not there prints `<no value>`.
const FREE: [&str; 15] = [
    "Labels",
    "Options",
    "Sysctls",
    "Tmpfs",
    "Volumes",
    "ExposedPorts",
    "Networks",
    "Ports",
    "Annotations",
    "StorageOpt",
    "Data",
    "PortBindings",
    "Status",
    "DriverOpts",
    "Metadata",
];

fn absent(key: &str, parent: Option<&str>) -> Absent {
    if parent.is_some_and(|p| FREE.contains(&p)) {
        return Absent::NoValue;
    }
    match key {
        "Health" | "Healthcheck" | "Init" | "OomKillDisable" | "MemorySwappiness" | "PidsLimit" | "StopTimeout" | "BindOptions"
        | "VolumeOptions" | "TmpfsOptions" | "ImageOptions" | "DriverConfig" | "UsageData" | "ConsoleSize" | "IPAMConfig" | "SizeRw"
        | "SizeRootFs" => Absent::Pointer,
        "Binds"
        | "Mounts"
        | "VolumesFrom"
        | "CapAdd"
        | "CapDrop"
        | "Dns"
        | "DnsOptions"
        | "DnsSearch"
        | "ExtraHosts"
        | "GroupAdd"
        | "Links"
        | "SecurityOpt"
        | "Devices"
        | "DeviceCgroupRules"
        | "DeviceRequests"
        | "Ulimits"
        | "MaskedPaths"
        | "ReadonlyPaths"
        | "Cmd"
        | "Entrypoint"
        | "OnBuild"
        | "Shell"
        | "ExecIDs"
        | "Args"
        | "Env"
        | "RepoTags"
        | "RepoDigests"
        | "Layers"
        | "Log"
        | "BlkioWeightDevice"
        | "BlkioDeviceReadBps"
        | "BlkioDeviceWriteBps"
        | "BlkioDeviceReadIOps"
        | "BlkioDeviceWriteIOps" => Absent::List,
        "Labels" | "Tmpfs" | "Sysctls" | "Annotations" | "StorageOpt" | "PortBindings" | "Volumes" | "ExposedPorts" | "Options"
        | "Networks" | "Ports" | "Status" => Absent::Map,
        "Name" | "Driver" | "Source" | "Target" | "StopSignal" | "MacAddress" | "Author" | "Comment" | "DockerVersion" | "Container"
        | "Variant" | "OsVersion" | "Parent" | "Consistency" | "CreatedAt" | "Mode" | "Propagation" | "Subpath" | "User" | "WorkingDir" => {
            Absent::Zero(Value::from(""))
        }
        "ReadOnly" | "ArgsEscaped" | "NetworkDisabled" | "NonRecursive" | "NoCopy" | "CreateMountpoint" => Absent::Zero(Value::Bool(false)),
        _ => Absent::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_shown_as_docker_shows_them() {
        let one = json!({"Name": "data", "Labels": null});
        let show = |format: Option<&str>, objects: &[Value]| match View::read(format).and_then(|v| v.render(objects)) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        };
        assert_eq!(show(None, &[]), "[]\n");
        assert_eq!(show(None, std::slice::from_ref(&one)), "[\n    {\n        \"Name\": \"data\",\n        \"Labels\": null\n    }\n]\n");
        assert_eq!(show(Some("json"), std::slice::from_ref(&one)), "[{\"Name\":\"data\",\"Labels\":null}]\n");
        assert_eq!(show(Some("{{.Name}} {{.Labels}} {{.Labels.x}}"), std::slice::from_ref(&one)).lines().count(), 1);
        assert_eq!(show(Some("{{json .Labels}}"), &[one.clone(), one.clone()]), "null\nnull\n");
        assert_eq!(
            show(Some("{{.Foo}}"), &[one]),
            "template parsing error: template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""
        );
    }

    #[test]
    fn keys_users_choose_may_be_missing() {
        let view = View::read(Some("{{.Config.Labels.tier}}|{{.State.Health}}|{{.HostConfig.Tmpfs}}")).unwrap();
        let object = json!({"Config": {"Labels": {"a": "b"}}, "State": {}, "HostConfig": {}});
        assert_eq!(view.render(&[object]).unwrap(), "<no value>|<nil>|map[]\n");
    }
}
