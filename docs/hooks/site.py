"""What the site takes from the project: README, ARCHITECTURE, CONTRIBUTING and CHANGELOG as pages, and the help of the commands.

Nothing is written twice: a page of the guide takes a section of README by its question, `<!-- README: hear it? -->`.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
FOLDERS = ("models", "quantize", "export", "firmware_sim", "tools")
# Documents of the project that are pages here.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture/index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_SECTION = re.compile(r"^\*\*([^*\n]+\?)\*\*", re.MULTILINE)
_INCLUDED = re.compile(r"^<!-- README: (.+) -->$", re.MULTILINE)
# What a page would load from elsewhere: scripts, styles, pictures, frames; a link that a reader may follow loads nothing.
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?https?://[^>]*>|<link\b[^>]*\bhref=[\"']?https?://[^>]*>"
)


def on_config(config: Any) -> Any:
    """Lay the sources out as the package `stapes`, for the pages that are made from docstrings; tests and environments stay away."""
    package = ROOT / "build" / "docs_source" / "stapes"
    shutil.rmtree(package, ignore_errors=True)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            target = package / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(ROOT / "__init__.py", package / "__init__.py")
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made here, and the picture of README."""
    for name, page in PAGES.items():
        text = start(read(name)) if name == "README.md" else read(name)
        files.append(File.generated(config, page, content=linked(text, page)))
    files.append(File.generated(config, "reference/commands.md", content="\n".join(commands())))
    files.append(File.generated(config, "images/gru_mask.png", abs_src_path=str(ROOT / "models/zoo/gru_mask.png")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Put sections of README where a page asks for them."""
    sections = readme_sections()

    def section(found: re.Match[str]) -> str:
        question = found.group(1)
        if question not in sections:
            raise PluginError(f"{page.file.src_uri}: README.md has no section '{question}'")
        return linked(sections[question], page.file.src_uri)

    return _INCLUDED.sub(section, markdown)


def on_post_build(config: Any) -> None:
    """Refuse a site that would load anything from elsewhere."""
    for path in sorted(Path(config["site_dir"]).rglob("*.html")):
        if found := _LOADED.search(path.read_text("utf-8")):
            raise PluginError(f"{path.name} loads something from elsewhere: {found.group(0)}")


def read(name: str) -> str:
    """A text file of the project."""
    return (ROOT / name).read_text("utf-8")


def start(readme: str) -> str:
    """README without the questions, which the guide answers."""
    head, _, rest = readme.partition("## How do I ...")
    limits = rest[rest.index("## Limits") :]
    return f"{head}The [guide](docs/guide/index.md) has a page for each thing that you may want to do.\n\n{limits}"


def readme_sections() -> dict[str, str]:
    """Question -> answer, of README's `How do I ...`; several questions may stand in one paragraph."""
    body = read("README.md").partition("## How do I ...")[2].partition("\n## ")[0]
    parts = _SECTION.split(body)
    return {question: f"{answer.strip()}\n" for question, answer in zip(parts[1::2], parts[2::2], strict=True)}


def linked(text: str, page: str) -> str:
    """The text with its links made for a page of the site: to pages where there are any, else the file's name is told."""

    def link(found: re.Match[str]) -> str:
        picture, label, target, anchor = found.group(1, 2, 3, 4)
        if "://" in target:
            return found.group(0)
        if not (ROOT / target).exists():
            raise PluginError(f"{page}: a link leads to {target}, which is not there")
        if picture:
            place = f"images/{Path(target).name}"
        elif target in PAGES:
            place = PAGES[target]
        elif target.startswith("docs/"):
            place = target.removeprefix("docs/")
        else:
            return f"{label} (`{target}`)" if label.strip("`") != target else f"`{target}`"
        return f"{picture}[{label}]({posixpath.relpath(place, posixpath.dirname(page) or '.')}{anchor or ''})"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def commands() -> Iterator[str]:
    """The help of every command as a page."""
    from stapes.tools.cli.app import APP
    from typer.main import get_command

    yield "# Commands\n"
    yield "Each command prints this with `--help`. An option that may be given several times says so.\n"
    yield from described("stapes", get_command(APP))


def described(name: str, command: Any) -> Iterator[str]:
    """One command, or those of a group."""
    inner = getattr(command, "commands", None)
    if inner:
        for word in inner:
            yield from described(f"{name} {word}", inner[word])
        return
    yield f"## `{name}`\n"
    yield examples_together(command.help or "") + "\n"
    yield "| argument or option | meaning |"
    yield "|---|---|"
    for parameter in command.params:
        if parameter.hidden or parameter.name == "help":
            continue
        words = [*parameter.opts, *parameter.secondary_opts]
        shown = ", ".join(f"`{word if word.startswith('-') else word.upper()}`" for word in words)
        told = (parameter.help or "").replace("|", r"\|")
        often = " May be given several times." if parameter.multiple else ""
        default = parameter.default
        known = isinstance(default, str | int | float) and not isinstance(default, bool) and default != ""
        yield f"| {shown} | {told}{often}{f' Default: `{default}`.' if known and 'Default' not in told else ''} |"
    yield ""


def examples_together(help_text: str) -> str:
    """The examples of a command's help, each a paragraph of its own there, as one block.

    >>> examples_together("What.\\n\\nExamples:\\n\\n`stapes a`\\n\\n`stapes b`")
    'What.\\n\\nExamples:\\n\\n```\\nstapes a\\nstapes b\\n```'
    """
    told, examples = [], []
    for paragraph in re.sub(r"\f|\x08", "", help_text).strip().split("\n\n"):
        if re.fullmatch(r"`[^`]+`", paragraph.strip()):
            examples.append(paragraph.strip().strip("`"))
        else:
            told.append(paragraph)
    return "\n\n".join([*told, *(["```\n" + "\n".join(examples) + "\n```"] if examples else [])])
