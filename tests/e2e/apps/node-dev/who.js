module.exports = 'world'
