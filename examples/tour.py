# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour of everyday-counting
#
# Count the objects in a photo, see how certain each count is, what it is based on, and ask questions about it.
# Run the cells from top to bottom; no network is needed.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

import counting

PHOTOS = Path("../docs/photos")
counter = counting.load()
counter

# %% [markdown]
# ## Count
#
# `count` takes a path, a PIL image, an array or a tensor; several at once, or a folder.

# %%
results = counter.count(PHOTOS)
for result in results:
    print(result)

# %%
cat = counter.count(PHOTOS / "cat.jpg")
cat.draw()

# %% [markdown]
# ## How certain is it?
#
# Every category has a best guess, an 80 % interval, a probability of at least one, and the whole distribution.

# %%
found = cat["cat"]
print(f"best guess {found.count}, interval {found.low}–{found.high}")
print(f"probability of at least one {found.probability:.2f}")

# %%
figure, axis = plt.subplots(figsize=(5, 2.5))
axis.bar(range(6), found.distribution[:6])
axis.set(xlabel="number of cats", ylabel="probability")
plt.show()

# %% [markdown]
# ## Where does it come from?
#
# The cells of the photo sum to the raw count. A grid of 3×3 cells:

# %%
side = round(len(cat.cells) ** 0.5)
k = cat.categories.index("cat")
print(cat.cells[:, k].reshape(side, side).round(2))
print("sum:", cat.cells[:, k].sum().round(2))

# %% [markdown]
# Grad-CAM shows what in the photo raises the count:

# %%
counter.explain(PHOTOS / "cat.jpg", "cat").figure()

# %% [markdown]
# ## Ask

# %%
for question in ("how many cats are there?", "how many people?", "how many black cats?"):
    answer = counter.ask(PHOTOS / "cat.jpg", question)
    print(question, "→", answer.text if answer.understood else answer.reason)

# %% [markdown]
# ## Score counts
#
# `evaluate` compares any counts with true ones: here two photos and two categories.

# %%
counting.evaluate([[2, 0], [1, 1]], [[2, 1], [1, 1]], categories=["dog", "cat"])
