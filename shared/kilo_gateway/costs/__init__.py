"""What calls cost: counted by model, provider and tag, bounded before they are sent, held within a budget."""
