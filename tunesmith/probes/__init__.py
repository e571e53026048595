"""The shipped questions, instructions and texts that general ability is probed with. They judge models: no model may be trained on them."""
