"""A queue of events between objects of classes, with short lives. Argument: thousands of events."""

import heapq
import random
import sys


class Event:
    """Something that happens to an actor at a time."""

    def __init__(self, time, actor, payload):
        self.time = time
        self.actor = actor
        self.payload = payload

    def __lt__(self, other):
        return self.time < other.time


class Actor:
    """Keeps the last events it saw and answers each with one to another actor."""

    def __init__(self, number):
        self.number = number
        self.memory = []

    def handle(self, event, actors, rng):
        self.memory.append(event)
        if len(self.memory) > 50:
            del self.memory[:25]
        payload = {"from": self.number, "text": "x" * rng.randrange(200), "hops": [event.time]}
        return Event(event.time + rng.random(), rng.choice(actors), payload)


random_numbers = random.Random(42)
everyone = [Actor(number) for number in range(1000)]
queue = [Event(random_numbers.random(), actor, None) for actor in everyone]
heapq.heapify(queue)
for _ in range(int(sys.argv[1]) * 1000):
    now = heapq.heappop(queue)
    heapq.heappush(queue, now.actor.handle(now, everyone, random_numbers))
print(len(queue), sum(len(actor.memory) for actor in everyone))
