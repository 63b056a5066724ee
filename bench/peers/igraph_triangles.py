"""Counts the triangles of a graph with igraph; the file of columns is that of bench/native/triangles.cc.

A line on standard input makes one run, which answers `<wall ms> <triangles>`. igraph has no function that gives the number
alone; the transitivity, which is triangles * 3 / wedges, counts them without listing them and is the fastest of those that do.
"""

import array
import sys
import time

import igraph

with open(sys.argv[1], "rb") as file:
    nodes, edges, _, _ = array.array("I", file.read(16))
    file.seek(4 * (nodes + 1), 1)
    col = array.array("I", file.read(4 * edges))
    source = array.array("I", file.read(4 * edges))
graph = igraph.Graph(n=nodes, edges=list(zip(source, col)))
wedges = sum(degree * (degree - 1) // 2 for degree in graph.degree())
print("ready", flush=True)

for _ in sys.stdin:
    start = time.perf_counter()
    transitivity = graph.transitivity_undirected()
    wall_ms = (time.perf_counter() - start) * 1e3
    print(wall_ms, round(transitivity * wedges / 3), flush=True)
