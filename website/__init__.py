"""The documentation site: `python -m website` gathers its pages, `zensical build` makes the site.

Most pages are those of `docs`, as they are. What can be said from the code is written anew at each
build: a page and an animation of each preset, the observation and the reward, the API.
"""
