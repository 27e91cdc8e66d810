"""Tells the author's followers of a new post."""

from events import consume


def write(_, post):
    print(f"mail: {post['author']} has written \"{post['title']}\"", flush=True)


if __name__ == "__main__":
    consume("mailer", "blogpost", write)
