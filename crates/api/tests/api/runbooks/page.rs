//! `docs/operations.md`, as far as it tells what to type.

const PAGE: &str = include_str!("../../../../../docs/operations.md");

/// The kinds of blocks that the page may have.
const KINDS: [&str; 3] = ["console", "nginx", "text"];

/// A heading and what is to be typed under it, command by command.
struct Section {
    heading: String,
    commands: Vec<String>,
}

/// The commands are the lines in blocks of the kind `console` that begin with `$ `, each with those
/// that follow it.
fn sections(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut block = None;
    for line in page.lines() {
        let text = line.trim_start();
        match (block, text.strip_prefix("```")) {
            (None, Some(kind)) => {
                // What is to be typed has no other name, or nobody would run it.
                assert!(KINDS.contains(&kind), "a block of the kind {kind:?}");
                block = Some(kind == "console");
            }
            (Some(_), Some(_)) => block = None,
            (None, None) => {
                if let Some((_, heading)) = line.split_once("# ").filter(|_| line.starts_with('#'))
                {
                    sections.push(Section {
                        heading: heading.to_owned(),
                        commands: Vec::new(),
                    });
                }
            }
            (Some(true), None) => {
                let commands = &mut sections.last_mut().unwrap().commands;
                match (text.strip_prefix("$ "), commands.last_mut()) {
                    (Some(command), _) => commands.push(command.to_owned()),
                    (None, Some(command)) => *command = format!("{command}\n{text}"),
                    (None, None) => panic!("no command begins before {text}"),
                }
            }
            (Some(false), None) => {}
        }
    }
    sections
}

/// The headings under which there are commands.
pub(super) fn headings() -> Vec<String> {
    sections(PAGE)
        .into_iter()
        .filter(|section| !section.commands.is_empty())
        .map(|section| section.heading)
        .collect()
}

/// What is to be typed under a heading.
pub(super) fn commands(heading: &str) -> Vec<String> {
    sections(PAGE)
        .into_iter()
        .find(|section| section.heading == heading)
        .unwrap_or_else(|| panic!("docs/operations.md has no heading {heading}"))
        .commands
}

#[test]
fn a_page_is_read_command_by_command() {
    let page = "# One\n```console\n$ a \\\n    -b\n$ c\n```\n## Two\n1. x\n\n   ```console\n   $ d\n   ```\n\
                ```text\n# $ e\n```\n### Three\n";
    let read: Vec<(String, Vec<String>)> = sections(page)
        .into_iter()
        .map(|section| (section.heading, section.commands))
        .collect();
    let wanted = [
        ("One", vec!["a \\\n-b", "c"]),
        ("Two", vec!["d"]),
        ("Three", vec![]),
    ];
    let wanted: Vec<(String, Vec<String>)> = wanted
        .into_iter()
        .map(|(heading, commands)| {
            let commands = commands.into_iter().map(str::to_owned).collect();
            (heading.to_owned(), commands)
        })
        .collect();
    assert_eq!(read, wanted);
}
