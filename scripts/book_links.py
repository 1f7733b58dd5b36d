"""A preprocessor of mdBook: changes the links of the documents to files of the repository, which the site does not have.
A link to a file of the playground leads to the parent folder, where scripts/site puts the playground. Any other leads to
the repository if the environment has its address in REPOSITORY; otherwise only the text of the link stays.

https://rust-lang.github.io/mdBook/for_developers/preprocessors.html
"""

import json
import os
import posixpath
import re
import sys

SOURCE = "docs/src"
# Code comes first, so that a link in it is not one. The text of a link may have an image.
CODE_OR_LINK = re.compile(
    r"^(?P<fence>```+).*?^(?P=fence)$|(?P<ticks>`+).+?(?P=ticks)|!?\[(?P<text>(?:!\[[^\]]*\]\([^)]*\)|[^\[\]])*)\]\((?P<target>[^()\s]+)\)",
    re.S | re.M,
)


def rewrite(text, page, repository):
    """The Markdown of a page, whose path is relative to SOURCE."""
    folder = posixpath.dirname(posixpath.join(SOURCE, page))

    def replace(found):
        target = found["target"]
        if not target or ":" in target or target.startswith("#"):
            return found[0]
        file = posixpath.normpath(posixpath.join(folder, target))
        if file.startswith(SOURCE + "/"):
            return found[0]
        if file.startswith("playground/"):
            place = posixpath.relpath(file.replace("playground", "", 1), folder.replace("docs/src", "/docs", 1))
        elif repository:
            place = f"{repository}/blob/HEAD/{file}"
        else:
            return found["text"]
        return found[0][: found.start("target") - found.start()] + place + ")"

    return CODE_OR_LINK.sub(replace, text)


def rewrite_chapters(items, repository):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter["source_path"]:
                chapter["content"] = rewrite(chapter["content"], chapter["source_path"], repository)
            rewrite_chapters(chapter["sub_items"], repository)


def main():
    # "supports RENDERER" asks whether a renderer can have what comes out: each can.
    if sys.argv[1:2] == ["supports"]:
        return
    _context, book = json.load(sys.stdin)
    rewrite_chapters(book["items"], os.environ.get("REPOSITORY", ""))
    json.dump(book, sys.stdout)


main()
