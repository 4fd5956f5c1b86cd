// What all views share. What comes from outside is text: nothing here makes markup of it.
const make = (tag, name, text = "", more = {}) => {
  const node = document.createElement(tag);
  if (name) node.className = `fleetlab-${name}`;
  node.textContent = text;
  for (const [one, value] of Object.entries(more)) node.setAttribute(one, value);
  return node;
};

const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// Keys are for a view and what is in it, not for the notebook around it.
const keepKeys = (event) => {
  const isForAll = event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape";
  if (!isForAll && !(event.shiftKey && event.key === "Enter")) event.stopPropagation();
};
