"""A history for git fast-import on stdout, the same each time. Argument: commits."""

import sys

out = sys.stdout
for commit in range(int(sys.argv[1])):
    date = 1600000000 + commit * 60
    message = f"commit number {commit}\n"
    out.write(f"commit refs/heads/main\nmark :{commit + 1}\n"
              f"committer c <c@localhost> {date} +0000\ndata {len(message)}\n{message}")
    if commit:
        out.write(f"from :{commit}\n")
    for number in range(commit % 5, 60, 11):
        lines = 200 + (commit * 13 + number) % 400
        text = "".join(f"file {number} line {n * 2654435761 % 9973} of {0 if n % 7 else commit}\n"
                       for n in range(lines))
        out.write(f"M 100644 inline dir{number % 6}/file{number}\ndata {len(text)}\n{text}\n")
out.write("done\n")
