"""Make the links of README.md absolute: the page of the package index shows README.md without the repository around it.

The address of the repository is `Source` in ``[project.urls]`` of pyproject.toml.
"""

import re

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".gif", ".webp")

# Code is matched first, because code may contain what looks like a link.
CODE_OR_LINK = re.compile(
    r"""
    (?P<code> ^```.*?^```[ ]*$ | `[^`\n]+` )
    | (?P<before> \]\( | ^\[[^\]\n]+\]:[ ]+ | \b(?:src|href|srcset)=" )  (?P<target> [^)\s"<>]+ )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
ABSOLUTE = re.compile(r"[a-z][a-z+.-]*:|//", re.IGNORECASE)


def make_links_absolute(text: str, repository: str, ref: str) -> str:
    """Return Markdown whose relative links and pictures lead to the repository, as it is at a tag or on a branch."""

    def make_absolute(match: re.Match[str]) -> str:
        target = match["target"]
        if match["code"] or ABSOLUTE.match(target):
            return match[0]
        if target.startswith("#"):
            target = f"README.md{target}"
        view = "raw" if target.lower().endswith(PICTURES) else "blob"
        return f"{match['before']}{repository}/{view}/{ref}/{target.removeprefix('./')}"

    return CODE_OR_LINK.sub(make_absolute, text)


def choose_ref(version: str) -> str:
    """Return the tag of a release, or the main branch for a version that is not released."""
    return "main" if re.search("dev|[+]", version) else f"v{version}"


class ReadmeHook(MetadataHookInterface):
    """Hatchling calls this when it builds the package."""

    def update(self, metadata: dict) -> None:
        """Set the description of the package to README.md with absolute links."""
        with open(f"{self.root}/README.md", encoding="utf-8") as file:
            text = file.read()
        text = make_links_absolute(text, metadata["urls"]["Source"].rstrip("/"), choose_ref(metadata["version"]))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
