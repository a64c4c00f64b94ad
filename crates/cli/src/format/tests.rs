//! Templates people write for Docker, with what Docker prints.

use serde_json::json;

use super::*;

fn show(template: &str, data: &Value) -> String {
    match Template::parse(template).and_then(|t| t.run(data, Rules::LENIENT)) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    }
}

fn sample() -> Value {
    json!({
        "Name": "/r1",
        "Id": "0123456789abcdef",
        "State": {"Status": "running", "Running": true, "ExitCode": 0, "Pid": 42},
        "Mounts": [
            {"Type": "volume", "Name": "data", "Destination": "/data", "RW": true},
            {"Type": "bind", "Source": "/src", "Destination": "/app", "RW": false}
        ],
        "Config": {"Env": ["A=1", "B=2"], "Labels": {"b": "2", "a.x": "1"}, "Cmd": null},
        "Ratio": 1.5,
        "Empty": [],
        "Amp": "<a&b>"
    })
}

#[test]
fn templates_print_what_docker_prints() {
    let data = sample();
    for (template, want) in [
        ("{{.Name}}", "/r1"),
        ("{{ .Name }}!", "/r1!"),
        ("{{.State.Status}} {{.State.ExitCode}} {{.State.Running}}", "running 0 true"),
        ("{{json .State}}", r#"{"Status":"running","Running":true,"ExitCode":0,"Pid":42}"#),
        ("{{json .Amp}}", r#""<a&b>""#),
        ("{{json .Nope}} {{.Nope}} {{.Nope.Deeper}} {{.Config.Cmd}}", "null <no value> <no value> <no value>"),
        ("{{.State}}", "map[ExitCode:0 Pid:42 Running:true Status:running]"),
        ("{{.Config.Env}} {{.Ratio}}", "[A=1 B=2] 1.5"),
        ("{{range .Mounts}}{{.Type}}:{{.Destination}} {{end}}", "volume:/data bind:/app "),
        ("{{range $i, $m := .Mounts}}{{if $i}}, {{end}}{{$i}}={{$m.Type}}{{end}}", "0=volume, 1=bind"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "a.x=1;b=2;"),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range .Nope}}x{{else}}none{{end}}", "none"),
        ("{{range $i, $e := .Config.Env}}{{if eq $i 1}}{{break}}{{end}}{{$e}}{{end}}", "A=1"),
        ("{{range .Mounts}}{{if eq .Type \"bind\"}}{{continue}}{{end}}{{.Name}}{{end}}", "data"),
        ("{{with .State}}{{.Status}} {{$.Name}}{{else}}no{{end}}", "running /r1"),
        ("{{with .Nope}}x{{else with .State}}{{.Pid}}{{end}}", "42"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if eq .State.ExitCode 1}}a{{else if eq .State.ExitCode 0 5}}b{{else}}c{{end}}", "b"),
        ("{{if and .Name (not .Empty)}}y{{end}}{{or .Empty .Nope \"z\"}}{{and 1 0 2}}", "yz0"),
        ("{{index .Config.Labels \"a.x\"}} {{index .Config.Env 1}} {{(index .Mounts 0).Name}}", "1 B=2 data"),
        ("{{(index (index .Mounts 1) \"Source\")}}", "/src"),
        ("{{len .Mounts}} {{len .Name}}", "2 3"),
        (
            "{{printf \"%.4s|%-6s|%05d|%q|%v|%t|%5.2f|%x\" .Id .State.Status .State.Pid .Name .Config.Env true 2.5 \"hi\"}}",
            "0123|running|00042|\"/r1\"|[A=1 B=2]|true| 2.50|6869",
        ),
        ("{{printf \"%d %s\" \"x\"}}", "%!d(string=x) %!s(MISSING)"),
        ("{{printf \"a\" 1}}", "a%!(EXTRA int=1)"),
        (
            "{{join .Config.Env \", \"}} {{split \"a:b\" \":\"}} {{upper \"ab\"}}{{lower \"CD\"}} {{title \"ab cd\"}}",
            "A=1, B=2 [a b] ABcd Ab Cd",
        ),
        ("{{.Name | printf \"%s-%s\" \"x\" | upper}}", "X-/R1"),
        ("{{println .Name 1}}{{print 1 2 \"a\" \"b\" 3}}", "/r1 1\n1 2a b3".replace("a b", "ab").as_str()),
        ("a {{- .Name -}} b", "a/r1b"),
        ("a {{- /* note */ -}} b{{/* x */}}", "ab"),
        ("{{$x := .Name}}{{$x}}{{if true}}{{$x = \"new\"}}{{end}}{{$x}}", "/r1new"),
        ("{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge \"b\" \"a\"}} {{ne .Name \"x\"}}", "true true false true true"),
        ("{{slice .Id 0 12}} {{truncate .Id 4}} [{{pad \"x\" 1 2}}]", "0123456789ab 0123 [ x  ]"),
        ("{{html .Amp}} {{urlquery \"a b&c\"}} {{js \"it's\"}}", "&lt;a&amp;b&gt; a+b%26c it\\'s"),
        ("{{`raw\\n`}}{{\"q\\tq\"}}{{'a'}}{{true}}{{-3}}{{0x10}}", "raw\\nq\tq97true-316"),
        ("no actions", "no actions"),
        ("", ""),
    ] {
        assert_eq!(show(template, &data), want, "{template}");
    }
}

#[test]
fn mistakes_have_gos_words() {
    let data = sample();
    for (template, want) in [
        ("{{.Name", "template: :1: unclosed action"),
        ("{{foo .Name}}", "template: :1: function \"foo\" not defined"),
        ("{{if .Name}}x", "template: :1: unexpected EOF"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{.Name}", "template: :1: unexpected \"}\" in operand"),
        ("{{$x}}", "template: :1: undefined variable \"$x\""),
        ("{{(.Name}}", "template: :1: unclosed left paren"),
        ("{{\"x}}", "template: :1: unterminated quoted string"),
        ("{{break}}", "template: :1: {{break}} outside {{range}}"),
        ("{{.Name.First}}", "template: :1:2: executing \"\" at <.Name.First>: can't evaluate field First in type string"),
        ("{{index .Mounts 5}}", "template: :1:2: executing \"\" at <index .Mounts 5>: error calling index: index out of range: 5"),
        ("{{eq 1 \"a\"}}", "template: :1:2: executing \"\" at <eq 1 \"a\">: error calling eq: incompatible types for comparison"),
        ("{{range .Name}}{{end}}", "template: :1:8: executing \"\" at <.Name>: range can't iterate over /r1"),
        ("{{.Name 1}}", "template: :1:2: executing \"\" at <.Name>: Name is not a method but has arguments"),
    ] {
        assert_eq!(show(template, &data), format!("template parsing error: {want}"), "{template}");
    }
}

#[test]
fn odd_templates_never_panic() {
    let data = sample();
    let pieces = [
        "{{", "}}", ".", "$", "|", "(", ")", "range", " ", "if", "end", "\"", "Name", "-", "é", "{{-", "else", ":=", ",", "index", "'",
        "`", "/*",
    ];
    let mut seed = 7usize;
    for _ in 0..20_000 {
        let mut template = String::new();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            template.push_str(pieces[(seed >> 33) % pieces.len()]);
        }
        // Any answer will do; the property is that there is one.
        assert!(show(&template, &data).len() < 10_000);
    }
    assert!(show(&"{{if 1}}".repeat(1000), &data).contains("nested too deeply"));
    assert!(show(&format!("{{{{{}1{}}}}}", "(".repeat(1000), ")".repeat(1000)), &data).contains("nested too deeply"));
}

#[test]
fn typed_data_know_their_nils() {
    let rules = Rules {
        absent: |key, _| match key {
            "Health" => Absent::Pointer,
            "Binds" => Absent::List,
            "Name" => Absent::Zero(Value::from("")),
            _ => Absent::Unknown,
        },
        labels: None,
        headers: false,
    };
    let data = json!({"Id": "x", "Binds": null});
    let show = |t: &str| match Template::parse(t).unwrap().run(&data, rules) {
        Ok(text) => text,
        Err(e) => e.to_string(),
    };
    assert_eq!(show("{{.Health}} {{.Binds}} [{{.Name}}] {{json .Binds}}{{if .Health}}x{{end}}"), "<nil> [] [] null");
    assert_eq!(
        show("{{.Health.Status}}"),
        "template parsing error: template: :1:2: executing \"\" at <.Health.Status>: map has no entry for key \"Health\""
    );
    assert_eq!(show("{{.Nope}}"), "template parsing error: template: :1:2: executing \"\" at <.Nope>: map has no entry for key \"Nope\"");
}
